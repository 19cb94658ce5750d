// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.attributes;

import dev.arbalest.collections.filter.GeoShape;
import dev.arbalest.collections.filter.TextIndex;
import dev.arbalest.collections.model.TimeText;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.sqlite.Function;

/** Functions of filters that SQLite lacks. A connection calls them from one thread at a time. */
final class SqlFunctions {
  private SqlFunctions() {}

  /** Gives them to a connection. */
  static void add(Connection connection) throws SQLException {
    Function.create(connection, "time_micros", new TimeMicros(), 1, Function.FLAG_DETERMINISTIC);
    Function.create(connection, "text_match", new TextMatch(), 4, Function.FLAG_DETERMINISTIC);
    Function.create(connection, "text_words", new WordsOfText(), 2, Function.FLAG_DETERMINISTIC);
    Function.create(connection, "geo_match", new GeoMatch(), 2, Function.FLAG_DETERMINISTIC);
  }

  /** The microseconds of a moment as text, or null. */
  private static final class TimeMicros extends Function {
    @Override
    protected void xFunc() throws SQLException {
      String text = value_text(0);
      long micros = text == null ? TimeText.NONE : TimeText.micros(text);
      if (micros == TimeText.NONE) {
        result();
      } else {
        result(micros);
      }
    }
  }

  /** Whether a text matches a query: text, query, mode, kind of the field's index or "". */
  private static final class TextMatch extends Function {
    private List<String> known = List.of();
    private Predicate<String> test = _ -> false;

    @Override
    protected void xFunc() throws SQLException {
      String text = value_text(0);
      List<String> asked = List.of(value_text(1), value_text(2), value_text(3));
      if (!asked.equals(known)) { // the query is split once, not once a row
        test = TextIndex.test(asked.get(2), asked.get(0), TextIndex.Mode.valueOf(asked.get(1)));
        known = asked;
      }
      result(text != null && test.test(text) ? 1 : 0);
    }
  }

  /** The words of a text as {@link TextWords} has them: text, kind of the field's index. */
  private static final class WordsOfText extends Function {
    private String known = "";
    private TextIndex index = TextIndex.DEFAULT;

    @Override
    protected void xFunc() throws SQLException {
      String text = value_text(0);
      String kind = value_text(1);
      if (!kind.equals(known)) {
        index = TextIndex.parse(kind);
        known = kind;
      }
      result(text == null ? "" : TextWords.encoded(index.words(text)));
    }
  }

  /** Whether a field's JSON has a place in a shape. */
  private static final class GeoMatch extends Function {
    private String known = "";
    private @Nullable GeoShape shape;

    @Override
    protected void xFunc() throws SQLException {
      String json = value_text(0);
      String text = value_text(1);
      GeoShape wanted = shape;
      if (wanted == null || !text.equals(known)) {
        wanted = GeoShape.parse(text);
        shape = wanted;
        known = text;
      }
      result(json != null && wanted.containsOne(json) ? 1 : 0);
    }
  }
}
