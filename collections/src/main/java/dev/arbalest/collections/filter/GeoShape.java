// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.filter;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** A part of the earth's surface, which fields {@code {"lon": .., "lat": ..}} may lie in. */
public sealed interface GeoShape {
  /** Mean radius of the earth (IUGG), in metres. */
  double EARTH_METERS = 6_371_008.8;

  /** A place, in degrees. */
  record Place(double lon, double lat) {
    public Place {
      if (!(lon >= -180 && lon <= 180) || !(lat >= -90 && lat <= 90)) {
        throw CollectionException.invalid(
            "lon must be in [-180, 180] and lat in [-90, 90], found " + lon + " and " + lat);
      }
    }

    /** Metres along the surface, by the haversine formula. */
    double meters(double otherLon, double otherLat) {
      double half = Math.sin(Math.toRadians(otherLat - lat) / 2);
      double turn = Math.sin(Math.toRadians(otherLon - lon) / 2);
      double chord =
          half * half
              + Math.cos(Math.toRadians(lat)) * Math.cos(Math.toRadians(otherLat)) * turn * turn;
      return 2 * EARTH_METERS * Math.asin(Math.min(1, Math.sqrt(chord)));
    }
  }

  /** Whether a place, in degrees, lies in it. */
  boolean contains(double lon, double lat);

  /** Everything near a place. */
  record Circle(Place center, double meters) implements GeoShape {
    public Circle {
      if (!(meters >= 0)) {
        throw CollectionException.invalid("radius must be at least 0, found " + meters);
      }
    }

    @Override
    public boolean contains(double lon, double lat) {
      return center.meters(lon, lat) <= meters;
    }
  }

  /** A rectangle of degrees; one whose left lies east of its right crosses the 180th meridian. */
  record Box(Place topLeft, Place bottomRight) implements GeoShape {
    @Override
    public boolean contains(double lon, double lat) {
      boolean within =
          topLeft.lon() <= bottomRight.lon()
              ? lon >= topLeft.lon() && lon <= bottomRight.lon()
              : lon >= topLeft.lon() || lon <= bottomRight.lon();
      return within && lat <= topLeft.lat() && lat >= bottomRight.lat();
    }
  }

  /** A polygon of degrees without its holes; rings are closed, the last place is the first. */
  record Polygon(List<Place> exterior, List<List<Place>> interiors) implements GeoShape {
    public Polygon {
      requireRing(exterior);
      interiors.forEach(Polygon::requireRing);
    }

    private static void requireRing(List<Place> ring) {
      if (ring.size() < 4 || !ring.getFirst().equals(ring.getLast())) {
        throw CollectionException.invalid(
            "a ring of a polygon has at least 4 places, and its last is its first");
      }
    }

    @Override
    public boolean contains(double lon, double lat) {
      return isIn(exterior, lon, lat) && interiors.stream().noneMatch(ring -> isIn(ring, lon, lat));
    }

    /** Counts the sides that a line to the east crosses. */
    private static boolean isIn(List<Place> ring, double lon, double lat) {
      boolean inside = false;
      for (int i = 1; i < ring.size(); i++) {
        Place a = ring.get(i - 1);
        Place b = ring.get(i);
        if ((a.lat() > lat) != (b.lat() > lat)
            && lon < (b.lon() - a.lon()) * (lat - a.lat()) / (b.lat() - a.lat()) + a.lon()) {
          inside = !inside;
        }
      }
      return inside;
    }
  }

  /** As {@link #parse} reads it. */
  default String text() {
    return switch (this) {
      case Circle circle -> "circle " + place(circle.center()) + ' ' + circle.meters();
      case Box box -> "box " + place(box.topLeft()) + ' ' + place(box.bottomRight());
      case Polygon polygon -> {
        StringBuilder text = new StringBuilder("polygon ");
        ring(polygon.exterior(), text);
        polygon.interiors().forEach(ring -> ring(ring, text.append('|')));
        yield text.toString();
      }
    };
  }

  private static String place(Place place) {
    return place.lon() + " " + place.lat();
  }

  private static void ring(List<Place> ring, StringBuilder text) {
    for (Place place : ring) {
      text.append(place(place)).append(' ');
    }
  }

  /** A shape from its text. */
  static GeoShape parse(String text) {
    int space = text.indexOf(' ');
    String rest = text.substring(space + 1);
    if (text.startsWith("polygon")) {
      List<List<Place>> rings = new ArrayList<>();
      for (String ring : rest.split("\\|", -1)) {
        double[] numbers = numbers(ring);
        List<Place> places = new ArrayList<>();
        for (int i = 0; i + 1 < numbers.length; i += 2) {
          places.add(new Place(numbers[i], numbers[i + 1]));
        }
        rings.add(places);
      }
      return new Polygon(rings.getFirst(), rings.subList(1, rings.size()));
    }
    double[] n = numbers(rest);
    return text.startsWith("circle")
        ? new Circle(new Place(n[0], n[1]), n[2])
        : new Box(new Place(n[0], n[1]), new Place(n[2], n[3]));
  }

  private static double[] numbers(String text) {
    return java.util.Arrays.stream(text.strip().split(" ", -1))
        .mapToDouble(Double::parseDouble)
        .toArray();
  }

  /** Whether a field, an object or a list of objects as JSON, has a place in it. */
  default boolean containsOne(String json) {
    JsonNode node = JsonBody.JSON.readTree(json);
    if (!node.isArray()) {
      return containsPlace(node);
    }
    for (JsonNode one : node) {
      if (containsPlace(one)) {
        return true;
      }
    }
    return false;
  }

  private boolean containsPlace(JsonNode node) {
    JsonNode lon = node.path("lon");
    JsonNode lat = node.path("lat");
    return lon.isNumber() && lat.isNumber() && contains(lon.doubleValue(), lat.doubleValue());
  }
}
