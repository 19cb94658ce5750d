// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server.qdrant;

/** The version of Qdrant whose interface this is. */
public final class QdrantVersion {
  /** What clients are told; they warn if its minor differs from theirs by more than one. */
  public static final String TOLD = "1.18.0";

  private QdrantVersion() {}
}
