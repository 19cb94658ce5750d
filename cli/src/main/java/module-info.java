/** The command line. */
module dev.arbalest.cli {
  requires dev.arbalest.ssd;
  requires info.picocli;
  requires HdrHistogram;
  requires tools.jackson.databind;
  requires static transitive org.jspecify;

  opens dev.arbalest.cli to
      info.picocli;
}
