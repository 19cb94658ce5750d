// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.bench;

import java.util.List;
import java.util.Locale;
import org.HdrHistogram.Histogram;

/** A plot, for people, of latencies by percentile. */
final class LatencyPlot {
  private static final int WIDTH = 900;
  private static final int HEIGHT = 520;
  private static final int LEFT = 80;
  private static final int TOP = 40;
  private static final int PLOT_WIDTH = 560;
  private static final int PLOT_HEIGHT = 420;
  private static final double[] PERCENTILES = {1, 10, 25, 50, 75, 90, 95, 99, 99.9};
  private static final List<String> COLORS =
      List.of("#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9");

  private LatencyPlot() {}

  /**
   * One line.
   *
   * @param name label
   * @param nanos latencies
   */
  record Series(String name, Histogram nanos) {}

  static String svg(List<Series> all) {
    List<Series> drawn = all.stream().filter(s -> s.nanos().getTotalCount() > 100).toList();
    double lowest = Double.MAX_VALUE;
    double highest = 1;
    for (Series series : drawn) {
      lowest = Math.min(lowest, micros(series, PERCENTILES[0]));
      highest = Math.max(highest, micros(series, PERCENTILES[PERCENTILES.length - 1]));
    }
    int first = (int) Math.floor(Math.log10(Math.max(1, lowest)));
    int last = (int) Math.ceil(Math.log10(highest));
    StringBuilder out = new StringBuilder(8192);
    out.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
                + " font-family=\"sans-serif\" font-size=\"13\">%n"
                + "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n",
            WIDTH,
            HEIGHT));
    text(out, LEFT, 24, "start", "Microseconds by percentile");
    for (int power = first; power <= last; power++) {
      double y = y(Math.pow(10, power), first, last);
      line(out, LEFT, y, LEFT + PLOT_WIDTH, y, "#dddddd");
      text(out, LEFT - 8, y + 4, "end", String.format(Locale.ROOT, "%.0f", Math.pow(10, power)));
    }
    for (int i = 0; i < PERCENTILES.length; i++) {
      text(out, x(i), TOP + PLOT_HEIGHT + 18, "middle", Double.toString(PERCENTILES[i]));
    }
    for (int s = 0; s < drawn.size(); s++) {
      String color = COLORS.get(s % COLORS.size());
      StringBuilder points = new StringBuilder();
      for (int i = 0; i < PERCENTILES.length; i++) {
        points.append(
            String.format(
                Locale.ROOT,
                "%.1f,%.1f ",
                x(i),
                y(micros(drawn.get(s), PERCENTILES[i]), first, last)));
      }
      out.append(
          String.format(
              Locale.ROOT,
              "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"%s/>%n",
              points,
              color,
              s < COLORS.size() ? "" : " stroke-dasharray=\"5,3\""));
      double y = TOP + 16.0 * s;
      line(out, LEFT + PLOT_WIDTH + 15, y, LEFT + PLOT_WIDTH + 35, y, color);
      text(out, LEFT + PLOT_WIDTH + 40, y + 4, "start", drawn.get(s).name());
    }
    return out.append("</svg>\n").toString();
  }

  private static double micros(Series series, double percentile) {
    return Math.max(1, series.nanos().getValueAtPercentile(percentile) / 1e3);
  }

  private static double x(int place) {
    return LEFT + (double) PLOT_WIDTH * place / (PERCENTILES.length - 1);
  }

  private static double y(double micros, int first, int last) {
    double share = (Math.log10(micros) - first) / Math.max(1, last - first);
    return TOP + PLOT_HEIGHT * (1 - share);
  }

  private static void line(
      StringBuilder out, double x1, double y1, double x2, double y2, String color) {
    out.append(
        String.format(
            Locale.ROOT,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>%n",
            x1,
            y1,
            x2,
            y2,
            color));
  }

  private static void text(StringBuilder out, double x, double y, String anchor, String text) {
    out.append(
        String.format(
            Locale.ROOT,
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n",
            x,
            y,
            anchor,
            text));
  }
}
