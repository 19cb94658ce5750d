// SPDX-License-Identifier: Apache-2.0
package dev.arbalest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.testing.TestRows;
import dev.arbalest.vector.F32Rows;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compiles and runs the example of the package's Javadoc. */
class PackageExampleTest {
  private static final Path SOURCE = Path.of("src/main/java/dev/arbalest/package-info.java");

  @TempDir private Path directory;

  @Test
  void theExampleOfThePackageRuns() throws Exception {
    Matcher example =
        Pattern.compile("<pre>\\{@code\\n(.*?)\\* \\}</pre>", Pattern.DOTALL)
            .matcher(Files.readString(SOURCE));
    assertThat(example.find()).isTrue();
    Path file = directory.resolve("Example.java");
    Files.writeString(
        file,
        "import dev.arbalest.*; import java.nio.file.Path;\n"
            + "public class Example {\n"
            + "  public static void run(float[][] vectors, float[] query, Path path)"
            + " throws Exception {\n"
            + example.group(1).replaceAll("(?m)^ \\* ?", "    ")
            + "  }\n}\n");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    ByteArrayOutputStream errors = new ByteArrayOutputStream();
    String path = System.getProperty("java.class.path");
    int result =
        compiler.run(
            null,
            null,
            errors,
            "-proc:none",
            "-cp",
            path,
            "-d",
            directory.toString(),
            file.toString());
    assertThat(result).as(errors.toString(StandardCharsets.UTF_8)).isZero();
    F32Rows rows = TestRows.clustered(1, 400, 64, 5);
    float[][] vectors = new float[rows.count()][];
    for (int row = 0; row < vectors.length; row++) {
      vectors[row] = TestIndexes.row(rows, row);
    }
    PrintStream out = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    try (URLClassLoader loader = new URLClassLoader(new URL[] {directory.toUri().toURL()})) {
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      loader
          .loadClass("Example")
          .getMethod("run", float[][].class, float[].class, Path.class)
          .invoke(null, vectors, vectors[3], directory.resolve("index"));
    } finally {
      System.setOut(out);
    }
    assertThat(printed.toString(StandardCharsets.UTF_8).lines()).hasSize(10);
    assertThat(printed.toString(StandardCharsets.UTF_8)).contains("1000000 at distance 0.0");
  }
}
