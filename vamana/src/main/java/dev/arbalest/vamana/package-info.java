/**
 * A directed proximity graph after Vamana (Subramanya et al., NeurIPS 2019): {@link
 * dev.arbalest.vamana.Graph} holds it off-heap, {@link dev.arbalest.vamana.GraphBuilder} builds it
 * by parallel batch insertion, {@link dev.arbalest.vamana.GreedySearch} walks it.
 */
@NullMarked
package dev.arbalest.vamana;

import org.jspecify.annotations.NullMarked;
