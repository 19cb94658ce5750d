/** The command line. */
module dev.arbalest.cli {
  requires dev.arbalest;
  requires dev.arbalest.cache;
  requires dev.arbalest.pq;
  requires dev.arbalest.vamana;
  requires com.github.luben.zstd_jni;
  requires dev.hardwood.core;
  requires info.picocli;
  requires io.jhdf;
  requires java.logging;
  requires java.net.http;
  requires org.apache.arrow.format;
  requires org.apache.commons.compress;
  requires HdrHistogram;
  requires tools.jackson.databind;
  requires static transitive org.jspecify;

  opens dev.arbalest.cli to
      info.picocli;
}
