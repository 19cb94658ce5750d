// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.filter;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.collections.model.JsonText;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.tartarus.snowball.SnowballStemmer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * How the texts of a field are split into words, as its index was created.
 *
 * @param tokenizer what separates words
 * @param lowercase whether case makes no difference
 * @param folding whether accents make no difference
 * @param min characters of the shortest word that counts
 * @param max characters of the longest
 * @param stopwords words that do not count
 * @param languages whose stop words do not count, either
 * @param stemmer language whose word forms make no difference, or null
 */
public record TextIndex(
    Tokenizer tokenizer,
    boolean lowercase,
    boolean folding,
    int min,
    int max,
    Set<String> stopwords,
    Set<Language> languages,
    @Nullable Language stemmer) {
  /** The kind of a field with such an index, in front of its options. */
  public static final String KIND = "text";

  /** An index without options. */
  public static final TextIndex DEFAULT =
      new TextIndex(Tokenizer.WORD, true, false, 0, Integer.MAX_VALUE, Set.of(), Set.of(), null);

  private static final Pattern SPACE = Pattern.compile("\\s+");

  public TextIndex {
    if (min > max) {
      throw CollectionException.invalid(
          "min_token_len must be at most max_token_len, found " + min + " and " + max);
    }
  }

  /** What separates words. */
  public enum Tokenizer {
    /** Everything but letters and digits. */
    WORD,
    /** White space alone. */
    WHITESPACE,
    /** As words; a word of a query matches words that begin with it. */
    PREFIX,
    /** As words, and each ideograph is a word. */
    MULTILINGUAL
  }

  /** How a text is compared with a query. */
  public enum Mode {
    /** All words of the query in any order; without an index, the query as part of the text. */
    ALL,
    /** One of its words. */
    ANY,
    /** Its words one after another. */
    PHRASE,
    /** The text begins with the query as it stands. */
    PREFIX
  }

  /** The index that a kind of field names: {@code text}, and options as JSON behind it. */
  public static TextIndex parse(String kind) {
    String options = kind.substring(KIND.length()).strip();
    return options.isEmpty() ? DEFAULT : of(JsonBody.JSON.readTree(options));
  }

  /** Whether a kind of field is of this sort. */
  public static boolean isKind(String kind) {
    return kind.equals(KIND) || kind.startsWith(KIND + " ");
  }

  /**
   * An index with options as clients send them.
   *
   * @throws CollectionException INVALID if one is none
   */
  public static TextIndex of(JsonNode options) {
    String name = options.path("tokenizer").asString("word");
    Tokenizer tokenizer;
    try {
      tokenizer = Tokenizer.valueOf(name.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new CollectionException(
          CollectionException.Kind.INVALID,
          "tokenizer is one of word, whitespace, prefix, multilingual, found \"" + name + '"',
          0,
          e);
    }
    JsonNode stop = options.path("stopwords");
    Set<String> stopwords = new TreeSet<>();
    Set<Language> languages = new TreeSet<>();
    if (stop.isString()) {
      languages.add(Language.of(stop.stringValue()));
    } else if (stop.isObject()) {
      JsonBody.allow(stop, "stopwords", Set.of("languages", "custom"));
      stop.path("languages").forEach(one -> languages.add(Language.of(one.asString(""))));
    }
    JsonNode custom = stop.isObject() ? stop.path("custom") : stop;
    custom.forEach(word -> stopwords.add(word.asString("")));
    return new TextIndex(
        tokenizer,
        !options.has("lowercase") || JsonBody.flag(options.path("lowercase"), "lowercase"),
        JsonBody.flag(options.path("ascii_folding"), "ascii_folding"),
        JsonBody.integer(options.path("min_token_len"), "min_token_len", 0, 0, Integer.MAX_VALUE),
        JsonBody.integer(
            options.path("max_token_len"),
            "max_token_len",
            Integer.MAX_VALUE,
            1,
            Integer.MAX_VALUE),
        Set.copyOf(stopwords),
        Set.copyOf(languages),
        stemmer(options.path("stemmer")));
  }

  private static @Nullable Language stemmer(JsonNode node) {
    if (node.isMissingNode() || node.isNull()) {
      return null;
    }
    JsonBody.allow(node, "stemmer", Set.of("type", "language"));
    String type = node.path("type").asString("");
    return switch (type) {
      case "none", "disabled" -> null;
      case "snowball" -> Language.of(node.path("language").asString(""));
      default ->
          throw CollectionException.invalid(
              "stemmer is {\"type\": \"snowball\", \"language\": ...}, found "
                  + JsonText.shorten(node));
    };
  }

  /** The options, those that differ from the default's. */
  public ObjectNode options() {
    ObjectNode options = JsonBody.JSON.createObjectNode();
    options.put("tokenizer", tokenizer.name().toLowerCase(Locale.ROOT));
    options.put("lowercase", lowercase);
    options.put("ascii_folding", folding);
    if (min > 0) {
      options.put("min_token_len", min);
    }
    if (max < Integer.MAX_VALUE) {
      options.put("max_token_len", max);
    }
    if (!languages.isEmpty()) {
      ObjectNode both = options.putObject("stopwords");
      ArrayNode names = both.putArray("languages");
      new TreeSet<>(languages).forEach(language -> names.add(language.label()));
      ArrayNode words = both.putArray("custom");
      new TreeSet<>(stopwords).forEach(words::add);
    } else if (!stopwords.isEmpty()) {
      ArrayNode words = options.putArray("stopwords");
      new TreeSet<>(stopwords).forEach(words::add);
    }
    if (stemmer != null) {
      options.putObject("stemmer").put("type", "snowball").put("language", stemmer.label());
    }
    return options;
  }

  /** The kind of a field with this index. */
  public String kind() {
    return equals(DEFAULT) ? KIND : KIND + " " + options();
  }

  /** Whether words depend on what is known of languages ({@link Language#VERSION}). */
  public boolean usesLanguages() {
    return stemmer != null || !languages.isEmpty();
  }

  /** The words of a text that count, in their order, as their stems if there is a stemmer. */
  public List<String> words(String text) {
    List<String> words = split(text);
    for (Language language : languages) {
      Set<String> stop = language.stopwords(folding);
      words.removeIf(word -> stop.contains(lowercase ? word : word.toLowerCase(Locale.ROOT)));
    }
    if (stemmer != null) {
      SnowballStemmer stems = stemmer.newStemmer();
      words.replaceAll(word -> {
        stems.setCurrent(word);
        boolean _ = stems.stem();
        return stems.getCurrent();
      });
    }
    return words;
  }

  private List<String> split(String text) {
    String shaped = lowercase ? text.toLowerCase(Locale.ROOT) : text;
    if (folding) {
      shaped = TextFolding.fold(shaped);
    }
    List<String> words = new ArrayList<>();
    if (tokenizer == Tokenizer.WHITESPACE) {
      SPACE.splitAsStream(shaped).forEach(word -> add(words, word));
      return words;
    }
    int start = -1;
    for (int at = 0; at < shaped.length(); ) {
      int character = shaped.codePointAt(at);
      int next = at + Character.charCount(character);
      boolean alone = tokenizer == Tokenizer.MULTILINGUAL && Character.isIdeographic(character);
      boolean within = Character.isLetterOrDigit(character) || isMark(character);
      if (start >= 0 && (alone || !within)) {
        add(words, shaped.substring(start, at));
        start = -1;
      }
      if (alone) {
        add(words, shaped.substring(at, next));
      } else if (within && start < 0) {
        start = at;
      }
      at = next;
    }
    if (start >= 0) {
      add(words, shaped.substring(start));
    }
    return words;
  }

  private static boolean isMark(int character) {
    int type = Character.getType(character);
    return type == Character.NON_SPACING_MARK || type == Character.COMBINING_SPACING_MARK;
  }

  private void add(List<String> words, String word) {
    int length = word.codePointCount(0, word.length());
    if (length >= Math.max(1, min) && length <= max && !stopwords.contains(word)) {
      words.add(word);
    }
  }

  /** A test of texts by words of a query, which is split once. */
  java.util.function.Predicate<String> test(String query, Mode mode) {
    List<String> wanted = words(query);
    return switch (mode) {
      case PREFIX -> text -> text.startsWith(query);
      case ALL ->
          text -> {
            List<String> words = words(text);
            return !wanted.isEmpty() && wanted.stream().allMatch(word -> has(words, word));
          };
      case ANY ->
          text -> {
            List<String> words = words(text);
            return wanted.stream().anyMatch(word -> has(words, word));
          };
      case PHRASE ->
          text ->
              !wanted.isEmpty() && java.util.Collections.indexOfSubList(words(text), wanted) >= 0;
    };
  }

  private boolean has(List<String> words, String wanted) {
    return tokenizer == Tokenizer.PREFIX
        ? words.stream().anyMatch(word -> word.startsWith(wanted))
        : words.contains(wanted);
  }

  /** The test of a field whose index, if it has one, is of a kind. */
  public static java.util.function.Predicate<String> test(
      @Nullable String kind, String query, Mode mode) {
    if (kind != null && isKind(kind)) {
      return parse(kind).test(query, mode);
    }
    return mode == Mode.ALL ? text -> text.contains(query) : DEFAULT.test(query, mode);
  }
}
