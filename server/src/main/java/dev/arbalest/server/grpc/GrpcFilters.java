// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.grpc;

import com.google.protobuf.Timestamp;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.Filter.FieldPath;
import dev.arbalest.collections.filter.Filter.Operator;
import dev.arbalest.collections.filter.GeoShape;
import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.CollectionException;
import io.qdrant.client.grpc.Common;
import io.qdrant.client.grpc.Common.Condition;
import io.qdrant.client.grpc.Common.FieldCondition;
import io.qdrant.client.grpc.Common.Match;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** Reads filters as Qdrant's messages have them. Stateless. */
final class GrpcFilters {
  private static final int MAX_DEPTH = 32;

  private GrpcFilters() {}

  /** A filter. */
  static Filter parse(Common.Filter filter) {
    return filter(filter, 0);
  }

  private static Filter filter(Common.Filter filter, int depth) {
    if (depth > MAX_DEPTH) {
      throw CollectionException.invalid("a filter is nested at most " + MAX_DEPTH + " deep");
    }
    GrpcMessages.requireKnown(filter);
    List<Filter> parts = new ArrayList<>();
    parts.addAll(conditions(filter.getMustList(), depth));
    if (filter.getShouldCount() > 0) {
      parts.add(new Filter.Or(conditions(filter.getShouldList(), depth)));
    }
    if (filter.getMustNotCount() > 0) {
      parts.add(new Filter.Not(new Filter.Or(conditions(filter.getMustNotList(), depth))));
    }
    if (filter.hasMinShould()) {
      Common.MinShould some = filter.getMinShould();
      parts.add(
          new Filter.AtLeast(
              GrpcMessages.integer("min_count", some.getMinCount(), 0, Integer.MAX_VALUE),
              conditions(some.getConditionsList(), depth)));
    }
    return new Filter.And(parts);
  }

  private static List<Filter> conditions(List<Condition> conditions, int depth) {
    List<Filter> parts = new ArrayList<>();
    conditions.forEach(condition -> parts.add(condition(condition, depth + 1)));
    return parts;
  }

  private static Filter condition(Condition condition, int depth) {
    GrpcMessages.requireKnown(condition);
    return switch (condition.getConditionOneOfCase()) {
      case FIELD -> field(condition.getField());
      case IS_EMPTY -> new Filter.IsEmpty(FieldPath.parse(condition.getIsEmpty().getKey()));
      case IS_NULL -> new Filter.IsNull(FieldPath.parse(condition.getIsNull().getKey()));
      case HAS_ID -> new Filter.HasId(GrpcMessages.ids(condition.getHasId().getHasIdList()));
      case HAS_VECTOR -> new Filter.HasVector(condition.getHasVector().getHasVector());
      case NESTED ->
          new Filter.Nested(
              FieldPath.parse(condition.getNested().getKey()),
              filter(condition.getNested().getFilter(), depth));
      case FILTER -> filter(condition.getFilter(), depth);
      case CONDITIONONEOF_NOT_SET ->
          throw CollectionException.invalid("a condition of the filter is empty");
    };
  }

  private static Filter field(FieldCondition condition) {
    GrpcMessages.requireKnown(condition);
    FieldPath path = FieldPath.parse(condition.getKey());
    List<Filter> parts = new ArrayList<>();
    if (condition.hasMatch()) {
      parts.add(match(path, condition.getMatch()));
    }
    if (condition.hasRange()) {
      parts.add(range(path, condition.getRange()));
    }
    if (condition.hasDatetimeRange()) {
      parts.add(range(path, condition.getDatetimeRange()));
    }
    if (condition.hasValuesCount()) {
      counts(path, condition.getValuesCount(), parts);
    }
    if (condition.hasGeoRadius()) {
      parts.add(
          new Filter.InShape(
              path,
              new GeoShape.Circle(
                  place(condition.getGeoRadius().getCenter()),
                  condition.getGeoRadius().getRadius())));
    }
    if (condition.hasGeoBoundingBox()) {
      parts.add(
          new Filter.InShape(
              path,
              new GeoShape.Box(
                  place(condition.getGeoBoundingBox().getTopLeft()),
                  place(condition.getGeoBoundingBox().getBottomRight()))));
    }
    if (condition.hasGeoPolygon()) {
      parts.add(
          new Filter.InShape(
              path,
              new GeoShape.Polygon(
                  ring(condition.getGeoPolygon().getExterior()),
                  condition.getGeoPolygon().getInteriorsList().stream()
                      .map(GrpcFilters::ring)
                      .toList())));
    }
    if (condition.hasIsEmpty()) {
      Filter empty = new Filter.IsEmpty(path);
      parts.add(condition.getIsEmpty() ? empty : new Filter.Not(empty));
    }
    if (condition.hasIsNull()) {
      Filter isNull = new Filter.IsNull(path);
      parts.add(condition.getIsNull() ? isNull : new Filter.Not(isNull));
    }
    if (parts.isEmpty()) {
      throw CollectionException.invalid("a condition on a field needs match, range or another");
    }
    return parts.size() == 1 ? parts.getFirst() : new Filter.And(parts);
  }

  private static Filter match(FieldPath path, Match match) {
    return switch (match.getMatchValueCase()) {
      case KEYWORD -> equal(path, match.getKeyword());
      case INTEGER -> equal(path, match.getInteger());
      case BOOLEAN -> equal(path, match.getBoolean());
      case TEXT -> new Filter.MatchText(path, match.getText(), TextIndex.Mode.ALL);
      case TEXT_ANY -> new Filter.MatchText(path, match.getTextAny(), TextIndex.Mode.ANY);
      case PHRASE -> new Filter.MatchText(path, match.getPhrase(), TextIndex.Mode.PHRASE);
      case KEYWORDS -> any(path, match.getKeywords().getStringsList());
      case INTEGERS -> any(path, match.getIntegers().getIntegersList());
      case EXCEPT_KEYWORDS -> none(path, match.getExceptKeywords().getStringsList());
      case EXCEPT_INTEGERS -> none(path, match.getExceptIntegers().getIntegersList());
      case MATCHVALUE_NOT_SET ->
          throw CollectionException.invalid("a match of the filter is empty");
    };
  }

  private static Filter equal(FieldPath path, Object value) {
    return new Filter.Compare(path, Operator.EQUAL, value);
  }

  private static Filter any(FieldPath path, List<? extends Object> values) {
    List<Filter> choices = new ArrayList<>();
    values.forEach(value -> choices.add(equal(path, value)));
    return new Filter.Or(choices);
  }

  private static Filter none(FieldPath path, List<? extends Object> values) {
    if (values.isEmpty()) {
      throw CollectionException.invalid("\"except\" has at least one value");
    }
    return new Filter.NoneOf(path, List.copyOf(values));
  }

  private static Filter range(FieldPath path, Common.Range range) {
    List<Filter.Test> tests = new ArrayList<>();
    if (range.hasLt()) {
      tests.add(new Filter.Test(Operator.LESS, range.getLt(), false));
    }
    if (range.hasLte()) {
      tests.add(new Filter.Test(Operator.LESS_OR_EQUAL, range.getLte(), false));
    }
    if (range.hasGt()) {
      tests.add(new Filter.Test(Operator.GREATER, range.getGt(), false));
    }
    if (range.hasGte()) {
      tests.add(new Filter.Test(Operator.GREATER_OR_EQUAL, range.getGte(), false));
    }
    return all(path, tests);
  }

  private static Filter range(FieldPath path, Common.DatetimeRange range) {
    List<Filter.Test> tests = new ArrayList<>();
    if (range.hasLt()) {
      tests.add(new Filter.Test(Operator.LESS, text(range.getLt()), true));
    }
    if (range.hasLte()) {
      tests.add(new Filter.Test(Operator.LESS_OR_EQUAL, text(range.getLte()), true));
    }
    if (range.hasGt()) {
      tests.add(new Filter.Test(Operator.GREATER, text(range.getGt()), true));
    }
    if (range.hasGte()) {
      tests.add(new Filter.Test(Operator.GREATER_OR_EQUAL, text(range.getGte()), true));
    }
    return all(path, tests);
  }

  private static Filter all(FieldPath path, List<Filter.Test> tests) {
    if (tests.isEmpty()) {
      throw CollectionException.invalid("a range has gt, gte, lt and lte, at least one");
    }
    return new Filter.CompareAll(path, tests);
  }

  /** A moment as text. */
  static String text(Timestamp moment) {
    return Instant.ofEpochSecond(moment.getSeconds(), moment.getNanos()).toString();
  }

  private static void counts(FieldPath path, Common.ValuesCount counts, List<Filter> parts) {
    if (counts.hasLt()) {
      parts.add(new Filter.CountValues(path, Operator.LESS, counts.getLt()));
    }
    if (counts.hasLte()) {
      parts.add(new Filter.CountValues(path, Operator.LESS_OR_EQUAL, counts.getLte()));
    }
    if (counts.hasGt()) {
      parts.add(new Filter.CountValues(path, Operator.GREATER, counts.getGt()));
    }
    if (counts.hasGte()) {
      parts.add(new Filter.CountValues(path, Operator.GREATER_OR_EQUAL, counts.getGte()));
    }
  }

  private static GeoShape.Place place(Common.GeoPoint point) {
    return new GeoShape.Place(point.getLon(), point.getLat());
  }

  private static List<GeoShape.Place> ring(Common.GeoLineString line) {
    return line.getPointsList().stream().map(GrpcFilters::place).toList();
  }
}
