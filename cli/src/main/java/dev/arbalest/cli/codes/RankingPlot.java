// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.codes;

import java.util.List;
import java.util.Locale;

/** A plot, for people, of how many of the true neighbours are within the best N by code. */
public final class RankingPlot {
  private static final int WIDTH = 860;
  private static final int HEIGHT = 520;
  private static final int LEFT = 70;
  private static final int TOP = 40;
  private static final int PLOT_WIDTH = 580;
  private static final int PLOT_HEIGHT = 420;
  private static final int FIRST_RANK = 10;
  private static final int LAST_RANK = 100;
  private static final List<String> COLORS =
      List.of(
          "#000000", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f",
          "#8c564b", "#bcbd22");

  private RankingPlot() {}

  public static String svg(List<CodecTrial.Result> results) {
    double lowest = 1;
    for (CodecTrial.Result result : results) {
      lowest = Math.min(lowest, result.within(FIRST_RANK));
    }
    double floor = Math.max(0, Math.floor(lowest * 20 - 0.5) / 20);
    StringBuilder svg = new StringBuilder(4096);
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\""
                + " font-family=\"sans-serif\" font-size=\"13\">%n"
                + "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>%n",
            WIDTH,
            HEIGHT));
    svg.append(text(LEFT, 24, "start", "Share of the true 10 nearest within the best N by code"));
    for (int i = 0; i <= 5; i++) {
      double share = floor + (1 - floor) * i / 5;
      double y = y(share, floor);
      svg.append(line(LEFT, y, LEFT + PLOT_WIDTH, y, "#dddddd"));
      svg.append(text(LEFT - 8, y + 4, "end", String.format(Locale.ROOT, "%.2f", share)));
    }
    for (int rank = FIRST_RANK; rank <= LAST_RANK; rank += 10) {
      double x = x(rank);
      svg.append(line(x, TOP, x, TOP + PLOT_HEIGHT, "#eeeeee"));
      svg.append(text(x, TOP + PLOT_HEIGHT + 18, "middle", Integer.toString(rank)));
    }
    svg.append(text(LEFT + PLOT_WIDTH / 2.0, TOP + PLOT_HEIGHT + 40, "middle", "N"));
    for (int i = 0; i < results.size(); i++) {
      curve(svg, results.get(i), COLORS.get(i % COLORS.size()), floor, i);
    }
    return svg.append("</svg>\n").toString();
  }

  private static void curve(
      StringBuilder svg, CodecTrial.Result result, String color, double floor, int number) {
    svg.append("<polyline fill=\"none\" stroke-width=\"2\" stroke=\"").append(color);
    svg.append("\" points=\"");
    for (int rank = FIRST_RANK; rank <= LAST_RANK; rank++) {
      svg.append(String.format(Locale.ROOT, "%.1f,%.1f ", x(rank), y(result.within(rank), floor)));
    }
    svg.append("\"/>\n");
    double y = TOP + 10 + 20.0 * number;
    svg.append(line(LEFT + PLOT_WIDTH + 16, y, LEFT + PLOT_WIDTH + 40, y, color));
    svg.append(
        text(
            LEFT + PLOT_WIDTH + 46,
            y + 4,
            "start",
            String.format(
                Locale.ROOT,
                "%s, %d d, %,d B",
                result.codec(),
                result.dimensions(),
                result.bytesPerVector())));
  }

  private static double x(int rank) {
    return LEFT + (double) PLOT_WIDTH * (rank - FIRST_RANK) / (LAST_RANK - FIRST_RANK);
  }

  private static double y(double share, double floor) {
    return TOP + PLOT_HEIGHT * (1 - Math.max(0, share - floor) / (1 - floor));
  }

  private static String line(double x1, double y1, double x2, double y2, String color) {
    return String.format(
        Locale.ROOT,
        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"1.5\"/>%n",
        x1,
        y1,
        x2,
        y2,
        color);
  }

  private static String text(double x, double y, String anchor, String text) {
    return String.format(
        Locale.ROOT,
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>%n",
        x,
        y,
        anchor,
        text);
  }
}
