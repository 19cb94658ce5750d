/** The graph: building, walking, checking and repairing it. Pure computation, no files. */
@SuppressWarnings("module") // those it exports to come later
module dev.arbalest.vamana {
  requires transitive dev.arbalest.natives;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;

  exports dev.arbalest.vamana to
      dev.arbalest,
      dev.arbalest.cli;
}
