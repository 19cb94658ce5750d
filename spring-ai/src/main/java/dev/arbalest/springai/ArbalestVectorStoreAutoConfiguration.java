// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.springai;

import dev.arbalest.collections.CollectionOptions;
import dev.arbalest.collections.Collections;
import dev.arbalest.vector.Metric;
import io.micrometer.observation.ObservationRegistry;
import java.io.IOException;
import java.nio.file.Path;
import org.springframework.ai.embedding.BatchingStrategy;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.embedding.TokenCountBatchingStrategy;
import org.springframework.ai.vectorstore.SpringAIVectorStoreTypes;
import org.springframework.ai.vectorstore.observation.VectorStoreObservationConvention;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;

/**
 * Makes a store of {@code spring.ai.vectorstore.arbalest.directory} and the application's embedding
 * model, unless it has a bean of its own or {@code spring.ai.vectorstore.type} names another kind.
 */
@AutoConfiguration
@ConditionalOnProperty(
    name = SpringAIVectorStoreTypes.TYPE,
    havingValue = ArbalestVectorStore.PROVIDER,
    matchIfMissing = true)
@EnableConfigurationProperties(ArbalestVectorStoreProperties.class)
public class ArbalestVectorStoreAutoConfiguration {
  /** How documents are embedded, if the application does not say. */
  @Bean
  @ConditionalOnMissingBean(BatchingStrategy.class)
  public BatchingStrategy arbalestBatchingStrategy() {
    return new TokenCountBatchingStrategy();
  }

  /** The collections, closed with the application. */
  @Bean(destroyMethod = "close")
  @ConditionalOnMissingBean
  @SuppressWarnings("MustBeClosedChecker") // Spring closes it
  public Collections arbalestCollections(ArbalestVectorStoreProperties properties)
      throws IOException {
    Path directory = properties.directory();
    if (directory == null) {
      throw new IllegalArgumentException(
          "spring.ai.vectorstore.arbalest.directory is missing: name the directory of the "
              + "collections");
    }
    CollectionOptions options = CollectionOptions.in(directory);
    var memory = properties.memory();
    return Collections.open(memory == null ? options : options.withMemoryBytes(memory.toBytes()));
  }

  /** The store. */
  @Bean
  @ConditionalOnMissingBean
  public ArbalestVectorStore arbalestVectorStore(
      EmbeddingModel model,
      Collections collections,
      ArbalestVectorStoreProperties properties,
      ObjectProvider<ObservationRegistry> observations,
      ObjectProvider<VectorStoreObservationConvention> convention,
      BatchingStrategy batching) {
    ArbalestVectorStore.Builder builder =
        ArbalestVectorStore.builder(model)
            .collections(collections)
            .collectionName(properties.collectionName())
            .dimension(properties.dimension())
            .contentKey(properties.contentKey())
            .observationRegistry(observations.getIfUnique(() -> ObservationRegistry.NOOP))
            .batchingStrategy(batching);
    Metric metric = properties.metric();
    if (metric != null) {
      builder.metric(metric);
    }
    VectorStoreObservationConvention custom = convention.getIfAvailable();
    return (custom == null ? builder : builder.customObservationConvention(custom)).build();
  }
}
