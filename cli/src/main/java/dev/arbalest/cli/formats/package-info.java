/** Vector files of other programs: Parquet, Arrow, HDF5, fvecs and bvecs, read and written. */
@NullMarked
package dev.arbalest.cli.formats;

import org.jspecify.annotations.NullMarked;
