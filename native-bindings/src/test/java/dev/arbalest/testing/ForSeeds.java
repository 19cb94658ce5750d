// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.testing;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.provider.ArgumentsSource;
import org.junit.jupiter.params.support.AnnotationConsumer;
import org.junit.jupiter.params.support.ParameterDeclarations;

/**
 * Runs a test once per seed, {@code 0} to {@code value() - 1}: every run of a commit is the same
 * run. A failure names its seed; {@code -Dseed=17} runs that seed alone.
 */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@ParameterizedTest(name = "seed {0}")
@ArgumentsSource(ForSeeds.Seeds.class)
public @interface ForSeeds {
  /** Number of seeds. */
  int value();

  /** Supplies the seeds. */
  final class Seeds implements ArgumentsProvider, AnnotationConsumer<ForSeeds> {
    private int count;

    @Override
    public void accept(ForSeeds annotation) {
      count = annotation.value();
    }

    @Override
    public Stream<? extends Arguments> provideArguments(
        ParameterDeclarations parameters, ExtensionContext context) {
      Long only = Long.getLong("seed");
      LongStream seeds = only == null ? LongStream.range(0, count) : LongStream.of(only);
      return seeds.mapToObj(Arguments::of);
    }
  }
}
