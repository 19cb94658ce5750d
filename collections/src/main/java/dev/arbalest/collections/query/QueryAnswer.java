// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.SearchAnswer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a query found.
 *
 * @param hits best first
 * @param search the one search it took, or null if it took others
 */
public record QueryAnswer(List<Hit> hits, @Nullable SearchAnswer search) {}
