// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.query;

import dev.arbalest.collections.Collection;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonPaths;
import dev.arbalest.collections.model.VectorSelector;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/** Groups what a query finds by the values of a field. Stateless. */
public final class Grouping {
  private static final int GROWTH = 4;

  private Grouping() {}

  /**
   * Points that share a value.
   *
   * @param id a Long or a String
   */
  public record Group(Object id, List<Hit> hits) {}

  /**
   * The groups of the best points, by the best of each.
   *
   * @param request its limit is the number of groups
   * @param field path of a field; points without a number or text there are in no group
   * @param size most points of a group
   */
  public static List<Group> run(
      QueryEngine engine,
      Collection collection,
      QueryRequest request,
      String field,
      int size,
      QueryEngine.Lookup lookup,
      VectorSelector vectors) {
    int groups = request.limit();
    if (size < 1 || (long) groups * size > QueryRequest.MAX_LIMIT) {
      throw CollectionException.invalid(
          "groups times group_size must be in [1, "
              + QueryRequest.MAX_LIMIT
              + "], found "
              + groups
              + " of "
              + size);
    }
    Filter hasField = new Filter.Not(new Filter.IsEmpty(Filter.FieldPath.parse(field)));
    Filter sent = request.filter();
    QueryRequest within =
        request.within(sent == null ? hasField : new Filter.And(List.of(sent, hasField)));
    int limit = groups * size;
    while (true) {
      List<Hit> hits =
          engine.run(collection, within.withLimit(limit), true, vectors, lookup).hits();
      List<Group> found = group(hits, field, groups, size);
      boolean isFull =
          found.size() == groups && found.stream().allMatch(group -> group.hits().size() == size);
      if (isFull || hits.size() < limit || limit == QueryRequest.MAX_LIMIT) {
        return found;
      }
      limit = Math.min(QueryRequest.MAX_LIMIT, GROWTH * limit);
    }
  }

  private static List<Group> group(List<Hit> hits, String field, int groups, int size) {
    Map<Object, List<Hit>> found = new LinkedHashMap<>();
    for (Hit hit : hits) {
      String payload = hit.point().payload();
      for (Object id : values(payload == null ? "{}" : payload, field)) {
        List<Hit> group = found.get(id);
        if (group == null && found.size() < groups) {
          group = new ArrayList<>();
          found.put(id, group);
        }
        if (group != null && group.size() < size) {
          group.add(hit);
        }
      }
    }
    List<Group> result = new ArrayList<>();
    found.forEach((id, group) -> result.add(new Group(id, group)));
    return result;
  }

  private static Set<Object> values(String payload, String field) {
    Set<Object> values = new LinkedHashSet<>();
    for (JsonNode node : JsonPaths.find(JsonBody.JSON.readTree(payload), field)) {
      if (node.isString()) {
        values.add(node.stringValue());
      } else if (node.isIntegralNumber() && node.canConvertToLong()) {
        values.add(node.longValue());
      }
    }
    return values;
  }
}
