/** Compressed codes of vectors: product quantization and RaBitQ. Pure computation, no files. */
module dev.arbalest.pq {
  requires transitive dev.arbalest.natives;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;

  exports dev.arbalest.pq;
}
