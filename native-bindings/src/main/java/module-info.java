/**
 * Everything that needs a JVM flag: Vector API kernels, io_uring, O_DIRECT files, huge-page memory.
 * No module above this one calls native code or the incubating API.
 */
@SuppressWarnings("module") // those it exports to come later
module dev.arbalest.natives {
  requires jdk.incubator.vector;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;

  exports dev.arbalest.natives to
      dev.arbalest,
      dev.arbalest.cache,
      dev.arbalest.cli,
      dev.arbalest.collections,
      dev.arbalest.pq,
      dev.arbalest.server,
      dev.arbalest.vamana;
  exports dev.arbalest.natives.kernels to
      dev.arbalest,
      dev.arbalest.cache,
      dev.arbalest.cli,
      dev.arbalest.collections,
      dev.arbalest.pq,
      dev.arbalest.server,
      dev.arbalest.vamana;
  exports dev.arbalest.vector;
}
