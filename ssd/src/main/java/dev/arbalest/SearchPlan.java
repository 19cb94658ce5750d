// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

/** How a search found its candidates. */
public enum SearchPlan {
  /** It traversed the graph. */
  TRAVERSAL,
  /** It compared the codes of all vectors, because a traversal would compare about as many. */
  SCAN,
  /** It compared the codes of all vectors of a {@link PointSet}. */
  SET_SCAN,
  /** It traversed the graph inside a {@link PointSet}. */
  SET_TRAVERSAL
}
