// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Paths into payloads: names with dots between them, {@code []} behind a list for all its elements,
 * {@code [2]} for one, and quotation marks around a name with dots. Stateless.
 */
public final class JsonPaths {
  private JsonPaths() {}

  /** A step: into a member of an object, or into elements of a list. */
  private sealed interface Step {
    record Member(String name) implements Step {}

    record Element(int index) implements Step {}

    record Elements() implements Step {}
  }

  private static List<Step> parse(String path) {
    List<Step> steps = new ArrayList<>();
    int at = 0;
    while (at < path.length()) {
      int end;
      if (path.charAt(at) == '"') {
        end = path.indexOf('"', at + 1);
        if (end < 0) {
          throw invalid(path);
        }
        steps.add(new Step.Member(path.substring(at + 1, end)));
        end++;
      } else {
        end = at;
        while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
          end++;
        }
        if (end == at) {
          throw invalid(path);
        }
        steps.add(new Step.Member(path.substring(at, end)));
      }
      while (end < path.length() && path.charAt(end) == '[') {
        int close = path.indexOf(']', end);
        if (close < 0) {
          throw invalid(path);
        }
        steps.add(element(path, path.substring(end + 1, close)));
        end = close + 1;
      }
      if (end < path.length() && (path.charAt(end) != '.' || end + 1 == path.length())) {
        throw invalid(path);
      }
      at = end + 1;
    }
    if (steps.isEmpty()) {
      throw invalid(path);
    }
    return steps;
  }

  private static Step element(String path, String index) {
    if (index.isEmpty()) {
      return new Step.Elements();
    }
    try {
      return new Step.Element(Integer.parseUnsignedInt(index));
    } catch (NumberFormatException e) {
      throw new CollectionException(CollectionException.Kind.INVALID, invalid(path).text(), 0, e);
    }
  }

  private static CollectionException invalid(String path) {
    return CollectionException.invalid(
        "\"" + path + "\" is no path of a field: names with dots between, [] or [0] for lists");
  }

  /** Refuses what is no path. */
  public static void require(String path) {
    int steps = parse(path).size();
    assert steps > 0;
  }

  /** All values at a path; of a list there, its elements. */
  public static List<JsonNode> find(JsonNode document, String path) {
    List<JsonNode> found = List.of(document);
    for (Step step : parse(path)) {
      List<JsonNode> next = new ArrayList<>();
      for (JsonNode node : found) {
        switch (step) {
          case Step.Member member -> {
            if (node.isArray()) {
              node.forEach(one -> addIfThere(next, one.path(member.name())));
            } else {
              addIfThere(next, node.path(member.name()));
            }
          }
          case Step.Element element -> addIfThere(next, node.path(element.index()));
          case Step.Elements _ -> {
            if (node.isArray()) {
              node.forEach(next::add);
            }
          }
        }
      }
      found = next;
    }
    List<JsonNode> values = new ArrayList<>();
    for (JsonNode node : found) {
      if (node.isArray()) {
        node.forEach(values::add);
      } else {
        values.add(node);
      }
    }
    return values;
  }

  private static void addIfThere(List<JsonNode> nodes, JsonNode node) {
    if (!node.isMissingNode()) {
      nodes.add(node);
    }
  }

  /** Removes the values at a path. */
  public static void remove(ObjectNode document, String path) {
    List<Step> steps = parse(path);
    List<JsonNode> parents = parents(document, steps);
    for (JsonNode parent : parents) {
      switch (steps.getLast()) {
        case Step.Member member -> {
          if (parent instanceof ObjectNode object) {
            object.remove(member.name());
          }
        }
        case Step.Element element -> {
          if (parent instanceof ArrayNode array) {
            array.remove(element.index());
          }
        }
        case Step.Elements _ -> {
          if (parent instanceof ArrayNode array) {
            array.removeAll();
          }
        }
      }
    }
  }

  /** The nodes that the last step of a path starts from. */
  private static List<JsonNode> parents(JsonNode document, List<Step> steps) {
    List<JsonNode> found = List.of(document);
    for (Step step : steps.subList(0, steps.size() - 1)) {
      List<JsonNode> next = new ArrayList<>();
      for (JsonNode node : found) {
        switch (step) {
          case Step.Member member -> addIfThere(next, node.path(member.name()));
          case Step.Element element -> addIfThere(next, node.path(element.index()));
          case Step.Elements _ -> node.forEach(next::add);
        }
      }
      found = next;
    }
    return found;
  }

  /**
   * Merges members into the objects at a path; objects that are missing on the way are made, and
   * values in the way are replaced. Elements of lists must be there.
   */
  public static void merge(ObjectNode document, String path, JsonNode members) {
    merge(document, parse(path), members);
  }

  private static void merge(JsonNode node, List<Step> steps, JsonNode members) {
    if (steps.isEmpty()) {
      if (node instanceof ObjectNode object) {
        members.properties().forEach(member -> object.set(member.getKey(), member.getValue()));
      }
      return;
    }
    List<Step> rest = steps.subList(1, steps.size());
    switch (steps.getFirst()) {
      case Step.Member member -> {
        if (node instanceof ObjectNode object) {
          boolean wantsList = !rest.isEmpty() && !(rest.getFirst() instanceof Step.Member);
          JsonNode child = object.path(member.name());
          boolean fits = wantsList ? child.isArray() : child.isObject();
          if (!fits) {
            child = wantsList ? object.putArray(member.name()) : object.putObject(member.name());
          }
          merge(child, rest, members);
        }
      }
      case Step.Element element -> {
        if (node.has(element.index())) {
          merge(node.get(element.index()), rest, members);
        }
      }
      case Step.Elements _ -> node.forEach(one -> merge(one, rest, members));
    }
  }

  /**
   * The members of a document at some paths, in their places.
   *
   * @return null if nothing is there
   */
  public static @Nullable JsonNode select(JsonNode document, List<String> paths) {
    List<List<Step>> all = paths.stream().map(JsonPaths::parse).toList();
    return selectSteps(document, all);
  }

  private static @Nullable JsonNode selectSteps(JsonNode node, List<List<Step>> paths) {
    if (paths.stream().anyMatch(List::isEmpty)) {
      return node;
    }
    if (node instanceof ArrayNode array) {
      ArrayNode chosen = JsonBody.JSON.createArrayNode();
      for (int i = 0; i < array.size(); i++) {
        int index = i;
        List<List<Step>> rest = new ArrayList<>();
        for (List<Step> path : paths) {
          boolean fits =
              switch (path.getFirst()) {
                case Step.Elements _ -> true;
                case Step.Element element -> element.index() == index;
                case Step.Member _ -> true; // as if [] stood before it
              };
          if (fits) {
            rest.add(path.getFirst() instanceof Step.Member ? path : path.subList(1, path.size()));
          }
        }
        JsonNode child = rest.isEmpty() ? null : selectSteps(array.get(i), rest);
        if (child != null) {
          chosen.add(child);
        }
      }
      return chosen.isEmpty() ? null : chosen;
    }
    if (node instanceof ObjectNode object) {
      ObjectNode chosen = JsonBody.JSON.createObjectNode();
      for (String name : object.propertyNames()) {
        List<List<Step>> rest = new ArrayList<>();
        for (List<Step> path : paths) {
          if (path.getFirst() instanceof Step.Member member && member.name().equals(name)) {
            rest.add(path.subList(1, path.size()));
          }
        }
        JsonNode child = rest.isEmpty() ? null : selectSteps(object.get(name), rest);
        if (child != null) {
          chosen.set(name, child);
        }
      }
      return chosen.isEmpty() ? null : chosen;
    }
    return null;
  }
}
