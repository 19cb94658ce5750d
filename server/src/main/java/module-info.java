/** Collections of vectors over Arrow Flight and HTTP. */
module dev.arbalest.server {
  requires dev.arbalest.collections;
  requires HdrHistogram;
  requires info.picocli;
  requires client;
  requires com.google.protobuf;
  requires io.grpc;
  requires io.grpc.netty;
  requires io.grpc.stub;
  requires io.helidon.common.buffers;
  requires io.helidon.common.concurrency.limits;
  requires io.helidon.common.socket;
  requires io.helidon.common.tls;
  requires io.helidon.common.uri;
  requires io.helidon.http;
  requires io.helidon.http.encoding;
  requires io.helidon.webserver;
  requires io.prometheus.metrics.config;
  requires io.prometheus.metrics.core;
  requires io.prometheus.writer.text;
  requires io.prometheus.metrics.instrumentation.jvm;
  requires io.prometheus.metrics.model;
  requires java.logging;
  requires jdk.jfr;
  requires org.apache.arrow.flight.core;
  requires org.apache.arrow.memory.core;
  requires org.apache.arrow.vector;
  requires static com.google.errorprone.annotations;
  requires static org.jspecify;

  opens dev.arbalest.server to
      info.picocli;
}
