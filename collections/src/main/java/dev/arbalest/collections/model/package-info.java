/**
 * Values that all packages share: ids, names, settings, figures, JSON and errors. Uses no other
 * package of the module.
 */
@NullMarked
package dev.arbalest.collections.model;

import org.jspecify.annotations.NullMarked;
