// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.filter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.JsonBody;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Stems and stop words of languages. */
class LanguageTest {
  private static TextIndex index(String options) {
    return TextIndex.of(JsonBody.JSON.readTree(options));
  }

  @Test
  void formsOfAWordAreOne() {
    TextIndex english =
        index(
            "{\"stemmer\":{\"type\":\"snowball\",\"language\":\"English\"},\"stopwords\":\"english\"}");
    assertThat(english.words("The connections were connecting, and it is connected"))
        .isEqualTo(List.of("connect", "were", "connect", "connect"));
    assertThat(english.test("a connection", TextIndex.Mode.ALL).test("We CONNECT them")).isTrue();
    assertThat(english.test("connecting them", TextIndex.Mode.PHRASE).test("we connect them"))
        .isTrue();
    assertThat(english.test("the", TextIndex.Mode.ALL).test("the")).isFalse();
    TextIndex german =
        index(
            "{\"stemmer\":{\"type\":\"snowball\",\"language\":\"german\"},\"ascii_folding\":true}");
    assertThat(german.words("Häuser")).isEqualTo(german.words("hauses"));
  }

  @Test
  void everyLanguageHasStemsAndStopwords() {
    for (Language language : Language.values()) {
      assertThat(language.stopwords(false)).as(language.label()).hasSizeGreaterThan(20);
      assertThat(language.stopwords(true)).as(language.label()).isNotEmpty();
      assertThat(language.newStemmer()).isNotNull();
      assertThat(Language.of(language.label())).isEqualTo(language);
    }
    assertThatThrownBy(() -> Language.of("klingon"))
        .isInstanceOf(CollectionException.class)
        .hasMessageContaining("english")
        .hasMessageContaining("\"klingon\"");
  }

  @Test
  void stopwordsAreComparedAsWordsAre() {
    TextIndex exact = index("{\"stopwords\":\"english\",\"lowercase\":false}");
    assertThat(exact.words("The end of THE day")).isEqualTo(List.of("end", "day"));
    TextIndex folded = index("{\"stopwords\":\"french\",\"ascii_folding\":true}");
    assertThat(folded.words("à même pomme")).isEqualTo(List.of("pomme"));
    TextIndex both =
        index("{\"stopwords\":{\"languages\":[\"german\",\"english\"],\"custom\":[\"haus\"]}}");
    assertThat(both.words("das Haus is the home")).isEqualTo(List.of("home"));
  }

  @Test
  void optionsAreKept() {
    for (String options :
        List.of(
            "{}",
            "{\"stopwords\":[\"a\"]}",
            "{\"stopwords\":{\"custom\":[\"a\"]}}",
            "{\"stopwords\":{\"languages\":[\"tamil\"],\"custom\":[\"a\"]}}",
            "{\"stemmer\":{\"type\":\"snowball\",\"language\":\"russian\"}}")) {
      TextIndex index = index(options);
      assertThat(TextIndex.parse(index.kind())).as(options).isEqualTo(index);
    }
    for (String wrong :
        List.of(
            "{\"stopwords\":\"elvish\"}",
            "{\"stopwords\":{\"languages\":[\"elvish\"]}}",
            "{\"stemmer\":{\"type\":\"snowball\",\"language\":\"elvish\"}}",
            "{\"stemmer\":{\"type\":\"snowball\"}}",
            "{\"stemmer\":{\"type\":\"lemma\"}}")) {
      assertThatThrownBy(() -> index(wrong)).as(wrong).isInstanceOf(CollectionException.class);
    }
  }
}
