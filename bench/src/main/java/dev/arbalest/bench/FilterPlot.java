// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/** A plot, for people, of searches within sets: recall, reads and rate of each set as bars. */
final class FilterPlot {
  private static final int ROW = 24;
  private static final int TOP = 60;
  private static final int LEFT = 230;
  private static final int PANEL = 210;
  private static final int GAP = 60;

  private FilterPlot() {}

  /**
   * One kind of sets.
   *
   * @param name label
   * @param recall in [0, 1]
   * @param reads vectors read per query
   * @param ratio rate beside plain searches
   */
  record Row(String name, double recall, double reads, double ratio) {}

  /** Draws rows from top to bottom. */
  static String svg(List<Row> rows) {
    StringBuilder out = new StringBuilder(8192);
    int width = LEFT + 3 * (PANEL + GAP);
    int height = TOP + ROW * rows.size() + 20;
    add(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
            + " font-family=\"sans-serif\" font-size=\"13\">%n"
            + "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n",
        width,
        height);
    for (int i = 0; i < rows.size(); i++) {
      text(out, LEFT - 10, TOP + ROW * i + 16, "end", rows.get(i).name());
    }
    double mostReads = rows.stream().mapToDouble(Row::reads).max().orElse(1);
    double highest = Math.max(1, rows.stream().mapToDouble(Row::ratio).max().orElse(1));
    panel(out, 0, "recall", "%.4f", rows, Row::recall, share -> share, "#0072b2");
    panel(
        out,
        1,
        "vectors read (square root)",
        "%.1f",
        rows,
        Row::reads,
        reads -> Math.sqrt(reads / mostReads),
        "#d55e00");
    panel(
        out,
        2,
        "rate beside plain searches",
        "%.2f",
        rows,
        Row::ratio,
        ratio -> ratio / highest,
        "#009e73");
    return out.append("</svg>\n").toString();
  }

  private static void panel(
      StringBuilder out,
      int number,
      String title,
      String format,
      List<Row> rows,
      ToDoubleFunction<Row> value,
      Scale scale,
      String color) {
    double x = LEFT + number * (PANEL + GAP);
    text(out, x, TOP - 16, "start", title);
    for (int i = 0; i < rows.size(); i++) {
      double figure = value.applyAsDouble(rows.get(i));
      double length = PANEL * scale.share(figure);
      double y = TOP + ROW * i;
      add(
          out,
          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>%n",
          x,
          y + 3,
          length,
          ROW - 6,
          color);
      text(out, x + length + 4, y + 16, "start", String.format(Locale.ROOT, format, figure));
    }
  }

  /** The share of a panel's width that a figure takes. */
  @FunctionalInterface
  private interface Scale {
    double share(double figure);
  }

  private static void text(StringBuilder out, double x, double y, String anchor, String text) {
    add(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n", x, y, anchor, text);
  }

  @com.google.errorprone.annotations.FormatMethod
  private static void add(StringBuilder out, String format, Object... values) {
    out.append(String.format(Locale.ROOT, format, values));
  }
}
