// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

/**
 * What a write did. It is durable, as far as {@link WriteOptions#syncMillis} says.
 *
 * @param count vectors inserted, or deleted
 * @param replaced of those inserted, how many took the place of one with the same id
 * @param delayNanos how long it was held back: until there was room in the tail, or as memory is
 *     short
 */
public record WriteReceipt(int count, int replaced, long delayNanos) {}
