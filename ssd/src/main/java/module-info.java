/**
 * The engine: index files, building, opening, searching and verifying. Embedders depend on this
 * module alone and start at {@code Index}.
 */
@SuppressWarnings("module") // dev.arbalest.cli comes later
module dev.arbalest {
  requires dev.arbalest.cache;
  requires transitive dev.arbalest.natives;
  requires dev.arbalest.pq;
  requires dev.arbalest.vamana;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;
  requires com.github.luben.zstd_jni;
  requires jdk.jfr;
  requires tools.jackson.databind;

  exports dev.arbalest;
  exports dev.arbalest.ssd.input to
      dev.arbalest.cli;
  exports dev.arbalest.ssd.trial to
      dev.arbalest.cli;
}
