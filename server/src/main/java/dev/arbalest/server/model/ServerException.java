// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.model;

/** Why a request is not answered as asked; both protocols have a status for each kind. */
public final class ServerException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** What went wrong. */
  public enum Kind {
    /** The request cannot be understood, or does not fit the collection. */
    INVALID(400),
    /** No token, or one that is not known. */
    UNAUTHENTICATED(401),
    /** The token does not allow it. */
    FORBIDDEN(403),
    /** No such collection or point. */
    NOT_FOUND(404),
    /** Something with that name exists already. */
    ALREADY_EXISTS(409),
    /** The request has more bytes than allowed. */
    TOO_LARGE(413),
    /** The request came too slowly. */
    TIMED_OUT(408),
    /** Memory, queue or rate limit is reached; it can be tried again later. */
    EXHAUSTED(429),
    /** There is no such operation here. */
    UNSUPPORTED(501),
    /** The collection is being loaded or was taken out of service. */
    UNAVAILABLE(503),
    /** The server's fault. */
    INTERNAL(500);

    public final int httpStatus;

    Kind(int httpStatus) {
      this.httpStatus = httpStatus;
    }

    public int httpStatus() {
      return httpStatus;
    }
  }

  private final Kind kind;
  private final long retryMillis;

  public ServerException(Kind kind, String message) {
    this(kind, message, 0, null);
  }

  public ServerException(
      Kind kind,
      String message,
      long retryMillis,
      @org.jspecify.annotations.Nullable Throwable cause) {
    super(message, cause);
    this.kind = kind;
    this.retryMillis = retryMillis;
  }

  public static ServerException invalid(String message) {
    return new ServerException(Kind.INVALID, message);
  }

  public static ServerException notFound(String name) {
    return new ServerException(Kind.NOT_FOUND, "collection " + name + " not found");
  }

  public Kind kind() {
    return kind;
  }

  /** After how many milliseconds to try again; 0 if that is not known to help. */
  public long retryMillis() {
    return retryMillis;
  }

  public String text() {
    return String.valueOf(getMessage());
  }
}
