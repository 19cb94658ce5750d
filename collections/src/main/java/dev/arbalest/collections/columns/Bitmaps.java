// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

/**
 * Sets of slots as arrays of words: slot {@code s} is bit {@code s % 64} of word {@code s / 64},
 * and slots beyond an array's end are absent. Stateless.
 */
final class Bitmaps {
  private Bitmaps() {}

  static boolean has(long[] words, int slot) {
    int word = slot >>> 6;
    return word < words.length && (words[word] >>> slot & 1) != 0;
  }

  static void set(long[] words, int slot) {
    int word = slot >>> 6;
    if (word < words.length) {
      words[word] |= 1L << slot;
    }
  }

  /** Keeps what others have, too. */
  static void retain(long[] words, long[] others) {
    for (int i = 0; i < words.length; i++) {
      words[i] &= i < others.length ? others[i] : 0;
    }
  }

  static void add(long[] words, long[] others) {
    for (int i = 0; i < Math.min(words.length, others.length); i++) {
      words[i] |= others[i];
    }
  }

  static void remove(long[] words, long[] others) {
    for (int i = 0; i < Math.min(words.length, others.length); i++) {
      words[i] &= ~others[i];
    }
  }

  static int size(long[] words) {
    int size = 0;
    for (long word : words) {
      size += Long.bitCount(word);
    }
    return size;
  }
}
