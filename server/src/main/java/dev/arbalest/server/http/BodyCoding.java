// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.http;

import dev.arbalest.collections.model.CollectionException;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.ServerRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Locale;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.InflaterInputStream;
import org.jspecify.annotations.Nullable;

/** Compressed bodies: gzip and deflate, both ways. Stateless. */
final class BodyCoding {
  /** Smaller answers, such as those of most searches, are not worth the time. */
  private static final int MIN_BYTES = 16 << 10;

  private static final int BUFFER_BYTES = 8 << 10;

  private BodyCoding() {}

  /**
   * A request's body, decompressed.
   *
   * @throws CollectionException INVALID if it is compressed in another way, or is not what it says
   */
  static InputStream decode(ServerRequest request, InputStream body) throws IOException {
    String coding =
        request
            .headers()
            .first(HeaderNames.CONTENT_ENCODING)
            .orElse("identity")
            .strip()
            .toLowerCase(Locale.ROOT);
    try {
      return switch (coding) {
        case "identity", "" -> body;
        case "gzip", "x-gzip" -> new GZIPInputStream(body, BUFFER_BYTES);
        case "deflate" -> new InflaterInputStream(body);
        default ->
            throw CollectionException.invalid(
                "content-encoding is gzip, deflate or identity, found " + coding);
      };
    } catch (java.util.zip.ZipException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID,
          "the body is not " + coding + ": " + e.getMessage(),
          0,
          e);
    }
  }

  /** Whether a request's body is compressed: then its length says nothing about its size. */
  static boolean isCoded(ServerRequest request) {
    String coding = request.headers().first(HeaderNames.CONTENT_ENCODING).orElse("identity");
    return !coding.isBlank() && !coding.strip().equalsIgnoreCase("identity");
  }

  /** The coding to answer in, or null for none. */
  static @Nullable String accepted(ServerRequest request, int bytes) {
    if (bytes < MIN_BYTES) {
      return null;
    }
    String accepted = request.headers().first(HeaderNames.ACCEPT_ENCODING).orElse("");
    for (String wanted : java.util.List.of("gzip", "deflate")) {
      for (String part : accepted.split(",", -1)) {
        String[] pieces = part.strip().toLowerCase(Locale.ROOT).split(";", 2);
        boolean refused = pieces.length == 2 && pieces[1].strip().matches("q=0(\\.0*)?");
        if (pieces[0].strip().equals(wanted) && !refused) {
          return wanted;
        }
      }
    }
    return null;
  }

  /** A compressed answer: little, as the fastest level makes most of the difference. */
  static byte[] encode(byte[] body, String coding) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(body.length / 4 + BUFFER_BYTES);
    try (DeflaterOutputStream coded =
        coding.equals("gzip") ? new FastGzip(out) : new FastDeflate(out)) {
      coded.write(body);
    } catch (IOException e) {
      throw new IllegalStateException("memory does not fail", e);
    }
    return out.toByteArray();
  }

  private static final class FastGzip extends GZIPOutputStream {
    FastGzip(OutputStream out) throws IOException {
      super(out, BUFFER_BYTES);
      def.setLevel(Deflater.BEST_SPEED);
    }
  }

  private static final class FastDeflate extends DeflaterOutputStream {
    FastDeflate(OutputStream out) {
      super(out);
      def.setLevel(Deflater.BEST_SPEED);
    }
  }
}
