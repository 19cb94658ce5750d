/** Collections to embed: an index with attributes, filters and queries. */
@SuppressWarnings("module") // the server comes later
module dev.arbalest.collections {
  requires transitive dev.arbalest;
  requires transitive tools.jackson.databind;
  requires dev.arbalest.pq;
  requires java.sql;
  requires org.apache.lucene.analysis.common;
  requires org.apache.lucene.core;
  requires jdk.jfr;
  requires org.xerial.sqlitejdbc;
  requires static transitive com.google.errorprone.annotations;
  requires static transitive org.jspecify;

  exports dev.arbalest.collections;
  exports dev.arbalest.collections.filter;
  exports dev.arbalest.collections.model;
  exports dev.arbalest.collections.query;
}
