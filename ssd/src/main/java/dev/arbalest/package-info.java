/**
 * The public API: the types an application imports, and no others.
 *
 * <p>{@link dev.arbalest.Index} builds, opens and searches an index, {@link dev.arbalest.LiveIndex}
 * writes to one. {@link dev.arbalest.IndexVerifier}, {@link dev.arbalest.IndexRepair} and {@link
 * dev.arbalest.Tuner} work on an index as a whole. With {@code float[][] vectors}, {@code float[]
 * query} and {@code Path path}:
 *
 * <pre>{@code
 * try (VectorInput input = VectorInput.of(vectors)) {
 *   Index.build(path, input, BuildOptions.defaults(), ProgressListener.NONE);
 * }
 * try (LiveIndex index = LiveIndex.openForWriting(path)) {
 *   index.insert(Ids.of(1_000_000), query);
 *   index.delete(Ids.of(7));
 *   SearchResult found = index.search(query, SearchParameters.forK(10));
 *   for (int rank = 0; rank < found.size(); rank++) {
 *     System.out.println(found.id(rank) + " at distance " + found.distance(rank));
 *   }
 * }
 * }</pre>
 *
 * <p>The JVM needs {@code --add-modules=jdk.incubator.vector} and {@code
 * --enable-native-access=dev.arbalest.natives,com.github.luben.zstd_jni}, or {@code ALL-UNNAMED} on
 * the class path.
 */
@NullMarked
package dev.arbalest;

import org.jspecify.annotations.NullMarked;
