// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

/**
 * The outcome of a write, which is durable as {@link WriteOptions#syncMillis} says.
 *
 * @param count vectors inserted, or deleted
 * @param replaced vectors among those inserted that replaced one with the same id
 * @param delayNanos nanoseconds the write waited for room or because memory was short
 */
public record WriteReceipt(int count, int replaced, long delayNanos) {}
