/** Conditions on attributes, and how JSON, texts and places are read for them. Knows no storage. */
@NullMarked
package dev.arbalest.collections.filter;

import org.jspecify.annotations.NullMarked;
