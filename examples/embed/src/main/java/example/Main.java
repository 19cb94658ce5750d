package example;

import dev.arbalest.BuildOptions;
import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.Index;
import dev.arbalest.LiveIndex;
import dev.arbalest.ProgressListener;
import dev.arbalest.SearchParameters;
import dev.arbalest.SearchResult;
import dev.arbalest.VectorInput;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;

/** Builds, creates, fills and searches indexes below the directory given. */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    float[][] vectors = random(2000, 96);

    Path built = directory.resolve("built");
    try (VectorInput input = VectorInput.of(vectors)) {
      Index.build(built, input, BuildOptions.defaults(), ProgressListener.NONE);
    }
    try (Index index = Index.open(built)) {
      expect(index.search(vectors[7], SearchParameters.forK(10)), 7);
    }

    Path created = directory.resolve("created");
    try (VectorInput sample = VectorInput.of(random(256, 96))) {
      LiveIndex.create(created, sample, IdType.INT64, BuildOptions.defaults());
    }
    try (LiveIndex index = LiveIndex.openForWriting(created)) {
      index.insert(Ids.range(0, vectors.length), vectors);
      index.delete(Ids.of(7));
      expect(index.search(vectors[8], SearchParameters.forK(10)), 8);
      if (index.contains(Ids.of(7), 0)) {
        throw new IllegalStateException("vector 7 was deleted and exists");
      }
    }
    System.out.println("built, created, filled and searched");
  }

  private static float[][] random(int count, int dimension) {
    Random random = new Random(count);
    float[][] vectors = new float[count][dimension];
    for (float[] vector : vectors) {
      for (int i = 0; i < dimension; i++) {
        vector[i] = (float) random.nextGaussian();
      }
    }
    return vectors;
  }

  private static void expect(SearchResult found, long nearest) {
    if (found.size() != 10 || found.id(0) != nearest) {
      throw new IllegalStateException("expected " + nearest + " first, found " + found.id(0));
    }
  }
}
