// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.collection;

import dev.arbalest.SearchResult;
import java.util.List;

/**
 * What a search found.
 *
 * @param points nearest first
 * @param result the engine's figures
 */
public record SearchAnswer(List<Point> points, SearchResult result) {}
