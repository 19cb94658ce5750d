/** Memory that is bounded: budgets and the cache of full-precision vectors. */
module dev.arbalest.cache {
  requires transitive dev.arbalest.natives;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;

  exports dev.arbalest.cache;
}
