/** Memory that is bounded: budgets and the cache of full-precision vectors. */
@SuppressWarnings("module") // those it exports to come later
module dev.arbalest.cache {
  requires transitive dev.arbalest.natives;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;

  exports dev.arbalest.cache to
      dev.arbalest,
      dev.arbalest.cli;
}
