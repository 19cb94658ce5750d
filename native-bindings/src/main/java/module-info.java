/**
 * Everything that needs a JVM flag: Vector API kernels, io_uring, O_DIRECT files, huge-page memory.
 * No module above this one calls native code or the incubating API.
 */
module dev.arbalest.natives {
  requires jdk.incubator.vector;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;

  exports dev.arbalest.natives;
  exports dev.arbalest.natives.kernels;
  exports dev.arbalest.vector;
}
