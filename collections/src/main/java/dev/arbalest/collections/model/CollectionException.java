// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.model;

/**
 * Why a call is not answered as asked. Each protocol of the server has a status for each kind;
 * {@link Kind#UNAUTHENTICATED}, {@link Kind#FORBIDDEN}, {@link Kind#TOO_LARGE} and {@link
 * Kind#TIMED_OUT} come from a server only.
 */
public final class CollectionException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** What went wrong. */
  public enum Kind {
    /** The request cannot be understood, or does not fit the collection. */
    INVALID,
    /** No token, or one that is not known. */
    UNAUTHENTICATED,
    /** The token does not allow it. */
    FORBIDDEN,
    /** No such collection or point. */
    NOT_FOUND,
    /** Something with that name exists already. */
    ALREADY_EXISTS,
    /** The request has more bytes than allowed. */
    TOO_LARGE,
    /** The request came too slowly. */
    TIMED_OUT,
    /** Memory, queue or rate limit is reached; it can be tried again later. */
    EXHAUSTED,
    /** There is no such operation here. */
    UNSUPPORTED,
    /** The collection is being loaded or was taken out of service. */
    UNAVAILABLE,
    /** A fault of the engine, the disk or the files. */
    INTERNAL
  }

  private final Kind kind;
  private final long retryMillis;

  public CollectionException(Kind kind, String message) {
    this(kind, message, 0, null);
  }

  public CollectionException(
      Kind kind,
      String message,
      long retryMillis,
      @org.jspecify.annotations.Nullable Throwable cause) {
    super(message, cause);
    this.kind = kind;
    this.retryMillis = retryMillis;
  }

  public static CollectionException invalid(String message) {
    return new CollectionException(Kind.INVALID, message);
  }

  /** A vector of another dimension than the collection's. */
  public static CollectionException dimensionMismatch(int expected, int found) {
    return invalid("dimension mismatch: expected " + expected + ", got " + found);
  }

  public static CollectionException notFound(String name) {
    return new CollectionException(Kind.NOT_FOUND, "collection " + name + " not found");
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
