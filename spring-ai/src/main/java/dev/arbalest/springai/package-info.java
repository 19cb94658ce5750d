/**
 * Spring AI's {@code VectorStore} on an embedded collection: {@link
 * dev.arbalest.springai.ArbalestVectorStore}, and its configuration by Spring Boot.
 */
@NullMarked
package dev.arbalest.springai;

import org.jspecify.annotations.NullMarked;
