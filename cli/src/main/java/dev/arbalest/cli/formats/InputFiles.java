// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.formats;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.VectorInput;
import dev.arbalest.ssd.trial.GroundTruth;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * Opens files of vectors in every format. Those the engine maps ({@code .fbin}, {@code .fvecs},
 * {@code .npy}) are read in place; the others are written once to a temporary {@code .fbin} in
 * {@code java.io.tmpdir}, which needs its room and vanishes with the process: Parquet, HDF5, Arrow
 * IPC, and the one-byte formats {@code .bvecs}, {@code .u8bin}, {@code .i8bin}.
 */
public final class InputFiles {
  private InputFiles() {}

  /** What vectors are read for: files of the ann-benchmarks layout hold both. */
  public enum Role {
    /** Vectors to index. */
    BASE("train"),
    /** Queries. */
    QUERIES("test");

    private final String dataset;

    Role(String dataset) {
      this.dataset = dataset;
    }

    /** The HDF5 dataset of the ann-benchmarks layout. */
    String dataset() {
      return dataset;
    }
  }

  /**
   * Opens a file.
   *
   * @throws BadInputException if it is missing, of an unknown format or damaged
   */
  @MustBeClosed
  public static VectorInput open(Path path, Role role) throws IOException {
    VectorSource source =
        switch (ending(path)) {
          case "parquet" -> ParquetVectors::copy;
          case "h5", "hdf5" -> (from, sink) -> Hdf5Vectors.copy(from, role.dataset(), sink);
          case "arrow", "ipc", "feather" -> ArrowVectors::copy;
          case "bvecs" -> ByteVectors::copyBvecs;
          case "u8bin" -> (from, sink) -> ByteVectors.copyBin(from, false, sink);
          case "i8bin" -> (from, sink) -> ByteVectors.copyBin(from, true, sink);
          default -> null;
        };
    if (source == null) {
      return VectorInput.open(path);
    }
    if (!Files.exists(path)) {
      throw new BadInputException(path + " does not exist");
    }
    if (Files.isDirectory(path)) {
      throw new BadInputException(path + " is a directory; give a file of vectors");
    }
    return spool(path, source);
  }

  /** Reads ground truth: {@code .ibin}, or {@code neighbors} of an HDF5 file. */
  public static GroundTruth groundTruth(Path path) throws IOException {
    return switch (ending(path)) {
      case "h5", "hdf5" -> GroundTruth.of(Hdf5Vectors.neighbors(path));
      default -> GroundTruth.read(path);
    };
  }

  private static String ending(Path path) {
    String name = path.getFileName() == null ? "" : path.getFileName().toString();
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }

  @MustBeClosed
  private static VectorInput spool(Path path, VectorSource source) throws IOException {
    Path spool = Files.createTempFile("arbalest", ".fbin");
    try {
      try (FbinSpool sink = new FbinSpool(path, spool)) {
        source.copy(path, sink);
      }
      return VectorInput.open(spool, path);
    } finally {
      Files.delete(spool); // what is mapped stays until it is unmapped
    }
  }
}
