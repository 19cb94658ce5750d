// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.IdType;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.filter.GeoShape;
import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.PointId;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Translates a {@link Filter} into an SQL expression on table {@code points p}. Values become
 * parameters; nothing a client sends becomes SQL text.
 */
final class FilterSql {
  private static final int MAX_PARAMETERS = 30_000;

  private static final int MAX_CHARACTERS = 800_000;

  private final FilterContext context;
  private final StringBuilder sql = new StringBuilder();
  private final List<Object> parameters = new ArrayList<>();
  private String document = "p.payload";
  private int depth;

  private FilterSql(FilterContext context) {
    this.context = context;
  }

  /**
   * A translated filter.
   *
   * @param where expression
   * @param parameters of it, in order: Long, Double or String
   */
  record Translated(String where, List<Object> parameters) {}

  static Translated of(@Nullable Filter filter, FilterContext context) {
    FilterSql sql = new FilterSql(context);
    if (filter == null) {
      sql.sql.append("1");
    } else {
      sql.add(filter);
    }
    sql.requireRoom();
    return new Translated(sql.sql.toString(), List.copyOf(sql.parameters));
  }

  private void add(Filter filter) {
    switch (filter) {
      case Filter.And and -> join(and.parts(), " AND ", "1");
      case Filter.Or or -> join(or.parts(), " OR ", "0");
      case Filter.AtLeast some -> {
        sql.append('(');
        join(some.parts(), " + ", "0");
        sql.append(" >= ").append(some.count()).append(')');
      }
      case Filter.Not not -> {
        sql.append("NOT (");
        add(not.part());
        sql.append(')');
      }
      case Filter.Compare compare -> compare(compare.field(), compare.operator(), compare.value());
      case Filter.CompareAll all -> compareAll(all.field(), all.tests());
      case Filter.NoneOf none -> noneOf(none.field(), none.values());
      case Filter.CountValues count -> count(count.field(), count.operator(), count.count());
      case Filter.IsEmpty empty -> empty(empty.field());
      case Filter.IsNull isNull -> element(isNull.field(), "e.type = 'null'", List.of());
      case Filter.Nested nested -> nested(nested.field(), nested.condition());
      case Filter.MatchText match -> matchText(match);
      case Filter.InShape in -> inShape(in.field(), in.shape());
      case Filter.HasId some -> ids(some.ids());
      case Filter.HasVector has -> hasVector(has.name());
    }
  }

  private void hasVector(String name) {
    Integer space = context.spaceOf(name);
    if (space == null) {
      sql.append('0');
    } else if (space < 0) {
      sql.append('1');
    } else {
      sql.append("EXISTS (SELECT 1 FROM point_vectors WHERE space = ")
          .append(space.intValue())
          .append(" AND id = p.id)");
    }
  }

  private void requireRoom() {
    if (sql.length() > MAX_CHARACTERS || parameters.size() > MAX_PARAMETERS) {
      throw CollectionException.invalid(
          "the filter has too many conditions or values: at most " + MAX_PARAMETERS + " values");
    }
  }

  /** A balanced tree: SQLite refuses expressions that are nested too deep. */
  private void join(List<Filter> parts, String operator, String none) {
    requireRoom();
    sql.append('(');
    if (parts.isEmpty()) {
      sql.append(none);
    } else if (parts.size() == 1) {
      add(parts.getFirst());
    } else {
      int middle = parts.size() / 2;
      join(parts.subList(0, middle), operator, none);
      sql.append(operator);
      join(parts.subList(middle, parts.size()), operator, none);
    }
    sql.append(')');
  }

  /** Whether one value of a field passes all of several tests. */
  private void compareAll(Filter.FieldPath field, List<Filter.Test> tests) {
    StringBuilder text = new StringBuilder();
    StringBuilder rows = new StringBuilder();
    List<Object> values = new ArrayList<>();
    boolean indexed = true;
    for (Filter.Test test : tests) {
      String operator = sqlOf(test.operator());
      text.append(text.isEmpty() ? "" : " AND ");
      if (test.isTime()) {
        text.append("time_micros(CASE e.type WHEN 'text' THEN e.value END) ");
        text.append(operator).append(" time_micros(?)");
      } else {
        text.append("e.type IN ").append(types(test.value())).append(" AND e.value ");
        text.append(operator).append(" ?");
      }
      rows.append(" AND value ").append(operator).append(" ?");
      values.add(bound(test.value()));
      indexed &= !test.isTime();
    }
    Integer index = indexed && depth == 0 ? context.valuesOf(field) : null;
    sql.append('(');
    if (index != null) {
      sql.append("p.id IN (SELECT id FROM field_values WHERE field = ")
          .append(index.intValue())
          .append(rows)
          .append(") AND ");
      parameters.addAll(values);
    }
    element(field, text.toString(), values);
    sql.append(')');
  }

  /** Whether a value of a field is of a kind and none of some of that kind. */
  private void noneOf(Filter.FieldPath field, List<Object> values) {
    String marks = values.stream().map(_ -> "?").collect(Collectors.joining(", "));
    element(
        field,
        "e.type IN " + types(values.getFirst()) + " AND e.value NOT IN (" + marks + ")",
        values.stream().map(FilterSql::bound).toList());
  }

  private static Object bound(Object value) {
    return value instanceof Boolean b ? (Object) (b ? 1L : 0L) : value;
  }

  private static String types(Object value) {
    return switch (value) {
      case Boolean _ -> "('true', 'false')";
      case String _ -> "('text')";
      default -> "('integer', 'real')";
    };
  }

  private void compare(Filter.FieldPath field, Filter.Operator operator, Object value) {
    Object bound = bound(value);
    boolean contains = operator == Filter.Operator.CONTAINS;
    String test = contains ? "instr(e.value, ?) > 0" : "e.value " + sqlOf(operator) + " ?";
    Integer index = depth == 0 ? context.valuesOf(field) : null;
    sql.append('(');
    if (index != null && !contains && operator != Filter.Operator.NOT_EQUAL) {
      // The index finds the few that are then looked at.
      sql.append("p.id IN (SELECT id FROM field_values WHERE field = ")
          .append(index.intValue())
          .append(" AND value ")
          .append(sqlOf(operator))
          .append(" ?) AND ");
      parameters.add(bound);
    }
    element(field, "e.type IN " + types(value) + " AND " + test, List.of(bound));
    sql.append(')');
  }

  private void matchText(Filter.MatchText match) {
    String kind = depth == 0 ? context.kindOf(match.field()) : null;
    Integer index = depth == 0 ? context.numberOf(match.field()) : null;
    String expression =
        index == null || kind == null || !TextIndex.isKind(kind)
            ? null
            : TextTables.expression(TextIndex.parse(kind), match.query(), match.mode());
    if (index != null && expression != null) { // the index finds the few that are then looked at
      sql.append("p.id IN (").append(TextTables.matching(index)).append(") AND ");
      parameters.add(expression);
    }
    element(
        match.field(),
        "e.type = 'text' AND text_match(e.value, ?, ?, ?)",
        List.of(match.query(), match.mode().name(), kind == null ? "" : kind));
  }

  private void inShape(Filter.FieldPath field, GeoShape shape) {
    if (field.jsonPaths().size() > 1) {
      throw CollectionException.invalid("a geo condition is on a field outside of lists");
    }
    sql.append("coalesce(geo_match(CASE WHEN json_type(")
        .append(document)
        .append(", ?) IN ('object', 'array') THEN json_extract(")
        .append(document)
        .append(", ?) END, ?), 0)");
    parameters.add(last(field));
    parameters.add(last(field));
    parameters.add(shape.text());
  }

  /** Whether for one of the values of a field, {@code e}, a test holds. */
  private void element(Filter.FieldPath field, String test, List<Object> values) {
    sql.append("EXISTS (SELECT 1 FROM ");
    String guard = from(field);
    sql.append(" WHERE ").append(guard).append(" AND ").append(test).append(')');
    parameters.add(last(field));
    parameters.addAll(values);
  }

  private static String last(Filter.FieldPath field) {
    return field.jsonPaths().getLast();
  }

  /**
   * The values of a field as rows {@code e}.
   *
   * @return a condition on them, with the last path as parameter: the members of an object are no
   *     values
   */
  private String from(Filter.FieldPath field) {
    List<String> paths = field.jsonPaths();
    String of = document;
    for (int i = 0; i < paths.size(); i++) {
      boolean isLast = i == paths.size() - 1;
      String name = isLast ? "e" : "s" + depth + "_" + i;
      sql.append(i == 0 ? "" : ", ").append("json_each(").append(of).append(", ?) ").append(name);
      parameters.add(paths.get(i));
      if (!isLast) {
        of = "CASE " + name + ".type WHEN 'object' THEN " + name + ".value END";
      }
    }
    return "json_type(" + of + ", ?) <> 'object'";
  }

  private void count(Filter.FieldPath field, Filter.Operator operator, long count) {
    sql.append("(SELECT count(*) FROM ");
    String guard = from(field);
    sql.append(" WHERE ").append(guard).append(" AND e.type <> 'null') ");
    parameters.add(last(field));
    sql.append(sqlOf(operator)).append(" ?");
    parameters.add(count);
  }

  private void empty(Filter.FieldPath field) {
    sql.append("(NOT ");
    element(field, "e.type <> 'null'", List.of());
    if (field.jsonPaths().size() == 1) {
      sql.append(" AND coalesce(json_type(").append(document).append(", ?), '') <> 'object'");
      parameters.add(last(field));
    }
    sql.append(')');
  }

  private void nested(Filter.FieldPath field, Filter condition) {
    if (field.jsonPaths().size() > 1) {
      throw CollectionException.invalid("a nested condition has one list: " + field.jsonPaths());
    }
    String outer = document;
    String name = "n" + depth++;
    sql.append("EXISTS (SELECT 1 FROM json_each(CASE json_type(")
        .append(outer)
        .append(", ?) WHEN 'array' THEN json_extract(")
        .append(outer)
        .append(", ?) WHEN 'object' THEN json_array(json_extract(")
        .append(outer)
        .append(", ?)) END) ")
        .append(name)
        .append(" WHERE ")
        .append(name)
        .append(".type = 'object' AND ");
    for (int i = 0; i < 3; i++) {
      parameters.add(last(field));
    }
    document = "CASE " + name + ".type WHEN 'object' THEN " + name + ".value END";
    add(condition);
    sql.append(')');
    document = outer;
    depth--;
  }

  private void ids(List<PointId> ids) {
    IdType type = context.idType();
    sql.append("p.id IN (")
        .append(ids.stream().map(_ -> "?").collect(Collectors.joining(", ")))
        .append(')');
    for (PointId id : ids) {
      parameters.add(id.as(type).key());
    }
  }

  private static String sqlOf(Filter.Operator operator) {
    return switch (operator) {
      case EQUAL -> "=";
      case NOT_EQUAL -> "<>";
      case GREATER -> ">";
      case GREATER_OR_EQUAL -> ">=";
      case LESS -> "<";
      case LESS_OR_EQUAL -> "<=";
      case CONTAINS -> throw new IllegalArgumentException("CONTAINS is no comparison");
    };
  }
}
