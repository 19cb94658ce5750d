/** The graph: building, walking, checking and repairing it. Pure computation, no files. */
module dev.arbalest.vamana {
  requires transitive dev.arbalest.natives;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;

  exports dev.arbalest.vamana;
}
