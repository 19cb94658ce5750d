/** Compressed codes of vectors: product quantization and RaBitQ. Pure computation, no files. */
@SuppressWarnings("module") // those it exports to come later
module dev.arbalest.pq {
  requires transitive dev.arbalest.natives;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;

  exports dev.arbalest.pq to
      dev.arbalest,
      dev.arbalest.cli,
      dev.arbalest.collections;
}
