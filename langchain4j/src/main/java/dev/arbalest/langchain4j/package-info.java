/**
 * LangChain4j's {@code EmbeddingStore} on an embedded collection: {@link
 * dev.arbalest.langchain4j.ArbalestEmbeddingStore}.
 */
@NullMarked
package dev.arbalest.langchain4j;

import org.jspecify.annotations.NullMarked;
