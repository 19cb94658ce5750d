// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli.generate;

import dev.arbalest.BadInputException;
import dev.arbalest.pq.Rotation;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * A random model of text embeddings, with the statistics of the real ones: unit norm, a power-law
 * spectrum of latent factors turned evenly over all coordinates, a common mean direction, and a
 * hierarchy of topics, subtopics, documents and rows with log-normal scales, so that rows have
 * near-duplicates as well as outliers. Queries come from the same subtopics, half of them from the
 * documents of base rows; those of {@link Style#CROSS_MODAL} by another encoder.
 *
 * <p>Every row is a function of seed and row number alone, so any thread may make any row, and no
 * more than topics and subtopics are kept in memory. Immutable and thread-safe.
 */
public final class EmbeddingModel {
  private static final int TOPICS = 64;

  /** Root mean square share of each level of the hierarchy, and of noise. */
  private static final float TOPIC_SHARE = 0.62f;

  private static final float SUBTOPIC_SHARE = 0.34f;
  private static final float DOCUMENT_SHARE = 0.52f;
  private static final float ROW_SHARE = 0.46f;
  private static final float NOISE_SHARE = 0.24f;

  /** How far the encoder of cross-modal queries agrees with that of the rows. */
  private static final float AGREEMENT = 0.5f;

  private final int count;
  private final int dimension;
  private final long seed;
  private final int factors;
  private final float[] factorScale;
  private final float[] profile;
  private final float[] mean;
  private final float gain;
  private final Rotation rotation;
  private final float[][] subtopics;
  private final int documents;
  private final double[] subtopicWeights;
  private final double[] documentWeights;

  /** Mean of the queries. */
  private final float[] queryMean;

  /** Factors as the encoder of the queries takes them for each other; null if it is the same. */
  private final int @Nullable [] queryFactors;

  /** Which embedding model is imitated. */
  public enum Style {
    /** text-embedding-3: energy falls in steps at 512, 1024 and 1536 coordinates. */
    SMALL3(0.34),
    /** ada-002: a strong mean with three outlier coordinates. */
    ADA(0.83),
    /**
     * Pictures that text looks for, as in CLIP: queries come from another encoder, which agrees
     * with the one of the rows in part, and around another mean.
     */
    CROSS_MODAL(0.6);

    private final double meanNorm;

    Style(double meanNorm) {
      this.meanNorm = meanNorm;
    }
  }

  public EmbeddingModel(int count, int dimension, long seed, Style style) {
    if (dimension < 2 || dimension > 65_535) {
      throw new BadInputException("dimension must be in [2, 65535]: " + dimension);
    }
    this.count = count;
    this.dimension = dimension;
    this.seed = seed;
    this.factors = Math.max(1, Math.min(640, dimension / 2));
    SplittableRandom random = random(0, 0);
    this.factorScale = factorScale(factors);
    this.profile = profile(dimension, style, random);
    this.mean = mean(profile, style, random);
    this.gain = (float) Math.sqrt(1 - style.meanNorm * style.meanNorm);
    this.rotation = new Rotation(dimension, random.nextLong());
    float[][] topics = new float[TOPICS][];
    double[] topicWeights = new double[TOPICS];
    for (int topic = 0; topic < TOPICS; topic++) {
      topics[topic] = new float[factors];
      addFactors(topics[topic], random, TOPIC_SHARE * logNormal(random, 0.3));
      topicWeights[topic] = 1 / (topic + 3.0);
    }
    accumulate(topicWeights);
    this.subtopics = new float[Math.max(64, count / 120)][];
    this.subtopicWeights = new double[subtopics.length];
    for (int subtopic = 0; subtopic < subtopics.length; subtopic++) {
      subtopics[subtopic] = topics[choose(topicWeights, random)].clone();
      addFactors(subtopics[subtopic], random, SUBTOPIC_SHARE * logNormal(random, 0.3));
      subtopicWeights[subtopic] = pareto(random) + 0.2;
    }
    accumulate(subtopicWeights);
    this.documents = Math.max(256, count / 4);
    this.documentWeights = new double[documents];
    for (int document = 0; document < documents; document++) {
      documentWeights[document] = pareto(random) + 0.3;
    }
    accumulate(documentWeights);
    if (style == Style.CROSS_MODAL) {
      SplittableRandom other = random(4, 0);
      this.queryMean = mean(profile, style, other);
      this.queryFactors = permutation(factors, other);
    } else {
      this.queryMean = mean;
      this.queryFactors = null;
    }
  }

  private static int[] permutation(int count, SplittableRandom random) {
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      int other = random.nextInt(i + 1);
      order[i] = order[other];
      order[other] = i;
    }
    return order;
  }

  private static float[] factorScale(int factors) {
    float[] scale = new float[factors];
    double norm = 0;
    for (int j = 0; j < factors; j++) {
      scale[j] = (float) Math.pow(j + 25.0, -0.62);
      norm += scale[j] * scale[j];
    }
    for (int j = 0; j < factors; j++) {
      scale[j] /= (float) Math.sqrt(norm);
    }
    return scale;
  }

  private static float[] profile(int dimension, Style style, SplittableRandom random) {
    float[] profile = new float[dimension];
    double squares = 0;
    for (int i = 0; i < dimension; i++) {
      double step = i < 512 ? 1.30 : i < 1024 ? 1.05 : i < 1536 ? 0.92 : 0.74;
      double level = style == Style.ADA ? 1 : step;
      profile[i] = (float) (level * Math.exp(0.09 * random.nextGaussian()));
      squares += profile[i] * profile[i];
    }
    for (int i = 0; i < dimension; i++) {
      profile[i] /= (float) Math.sqrt(squares / dimension);
    }
    return profile;
  }

  private static float[] mean(float[] profile, Style style, SplittableRandom random) {
    float[] mean = new float[profile.length];
    double squares = 0;
    for (int i = 0; i < mean.length; i++) {
      mean[i] = (float) (studentT6(random) * profile[i]);
      squares += mean[i] * mean[i];
    }
    double target = style.meanNorm;
    double[] outliers = {-0.627, 0.20, -0.173};
    if (style == Style.ADA) {
      double rest = style.meanNorm * style.meanNorm;
      for (double outlier : outliers) {
        rest -= outlier * outlier;
      }
      target = Math.sqrt(rest);
    }
    for (int i = 0; i < mean.length; i++) {
      mean[i] *= (float) (target / Math.sqrt(squares));
    }
    if (style == Style.ADA) {
      int[] coordinates = {194, 954, 1120};
      for (int i = 0; i < outliers.length; i++) {
        mean[coordinates[i] % mean.length] = (float) outliers[i];
      }
    }
    return mean;
  }

  private static double studentT6(SplittableRandom random) {
    double chiSquared = 0;
    for (int i = 0; i < 6; i++) {
      double normal = random.nextGaussian();
      chiSquared += normal * normal;
    }
    return random.nextGaussian() / Math.sqrt(chiSquared / 6);
  }

  private static double pareto(SplittableRandom random) {
    return Math.pow(1 - random.nextDouble(), -1 / 2.5) - 1;
  }

  private static float logNormal(SplittableRandom random, double deviation) {
    return (float) Math.exp(deviation * random.nextGaussian() - deviation * deviation);
  }

  private static void accumulate(double[] weights) {
    for (int i = 1; i < weights.length; i++) {
      weights[i] += weights[i - 1];
    }
  }

  private static int choose(double[] cumulative, SplittableRandom random) {
    double at = random.nextDouble() * cumulative[cumulative.length - 1];
    int found = java.util.Arrays.binarySearch(cumulative, at);
    return Math.min(cumulative.length - 1, found < 0 ? -found - 1 : found);
  }

  /** An independent stream of random numbers for each kind of thing and number of it. */
  private SplittableRandom random(int kind, long number) {
    long mixed = new SplittableRandom(seed * 31 + kind).nextLong();
    return new SplittableRandom(mixed ^ (number * 0x9E3779B97F4A7C15L));
  }

  private void addFactors(float[] target, SplittableRandom random, float scale) {
    for (int j = 0; j < factors; j++) {
      target[j] += (float) random.nextGaussian() * factorScale[j] * scale;
    }
  }

  int count() {
    return count;
  }

  int dimension() {
    return dimension;
  }

  /** Floats {@link #baseRow} and {@link #queryRow} need. */
  int scratchFloats() {
    return rotation.paddedDimension();
  }

  /** Makes base row {@code row} into {@code target[0, dimension)}. */
  void baseRow(int row, float[] target) {
    SplittableRandom random = random(1, row);
    finish(latent(random, choose(documentWeights, random), target, false), random, target, mean);
  }

  /** Makes query {@code query}, half of them from documents that no base row has. */
  void queryRow(int query, float[] target) {
    SplittableRandom random = random(2, query);
    boolean newDocument = random.nextBoolean();
    float[] latent = latent(random, choose(documentWeights, random), target, newDocument);
    if (queryFactors != null) {
      translate(latent, queryFactors);
    }
    finish(latent, random, target, queryMean);
  }

  /** Has the encoder of the queries see a row's factors. */
  private static void translate(float[] latent, int[] order) {
    float[] seen = latent.clone();
    float rest = (float) Math.sqrt(1 - AGREEMENT * AGREEMENT);
    for (int i = 0; i < order.length; i++) {
      latent[i] = AGREEMENT * seen[i] + rest * seen[order[i]];
    }
  }

  private float[] latent(
      SplittableRandom random, int document, float[] target, boolean newDocument) {
    SplittableRandom documentRandom = random(3, document);
    int subtopic = choose(subtopicWeights, documentRandom);
    java.util.Arrays.fill(target, 0);
    System.arraycopy(subtopics[subtopic], 0, target, 0, factors);
    float documentScale = logNormal(documentRandom, 0.3);
    float rowScale = logNormal(documentRandom, 0.4);
    if (newDocument) {
      addFactors(target, random, DOCUMENT_SHARE);
    } else {
      addFactors(target, documentRandom, DOCUMENT_SHARE * documentScale);
    }
    addFactors(target, random, ROW_SHARE * rowScale * logNormal(random, 0.2));
    return target;
  }

  private void finish(float[] latent, SplittableRandom random, float[] target, float[] center) {
    rotation.apply(latent);
    float noise = (float) (NOISE_SHARE / Math.sqrt(dimension));
    double squares = 0;
    for (int i = 0; i < dimension; i++) {
      float value = latent[i] + noise * (float) random.nextGaussian();
      target[i] = value * profile[i] * gain + center[i];
      squares += target[i] * target[i];
    }
    float scale = (float) (1 / Math.sqrt(squares));
    for (int i = 0; i < dimension; i++) {
      target[i] *= scale;
    }
  }
}
