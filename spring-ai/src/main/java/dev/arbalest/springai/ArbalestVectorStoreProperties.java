// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.springai;

import dev.arbalest.vector.Metric;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Settings of the store that Spring Boot makes.
 *
 * @param directory directory of the collections, made if missing; one process at a time uses it
 * @param collectionName name of the collection, made if missing
 * @param metric distance of a collection that is made, cosine if not given
 * @param dimension components of the vectors, 0: the first document's vector decides
 * @param contentKey member of the payload that holds the text
 * @param memory budget of the process in bytes, or with a unit as in {@code 4GB}; half of the
 *     memory if not given
 */
@ConfigurationProperties("spring.ai.vectorstore.arbalest")
public record ArbalestVectorStoreProperties(
    @Nullable Path directory,
    @DefaultValue("documents") String collectionName,
    @Nullable Metric metric,
    @DefaultValue("0") int dimension,
    @DefaultValue("doc_content") String contentKey,
    org.springframework.util.unit.@Nullable DataSize memory) {}
