// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.filter;

import dev.arbalest.collections.model.CollectionException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.ar.ArabicAnalyzer;
import org.apache.lucene.analysis.ca.CatalanAnalyzer;
import org.apache.lucene.analysis.da.DanishAnalyzer;
import org.apache.lucene.analysis.de.GermanAnalyzer;
import org.apache.lucene.analysis.el.GreekAnalyzer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.es.SpanishAnalyzer;
import org.apache.lucene.analysis.et.EstonianAnalyzer;
import org.apache.lucene.analysis.eu.BasqueAnalyzer;
import org.apache.lucene.analysis.fi.FinnishAnalyzer;
import org.apache.lucene.analysis.fr.FrenchAnalyzer;
import org.apache.lucene.analysis.ga.IrishAnalyzer;
import org.apache.lucene.analysis.hi.HindiAnalyzer;
import org.apache.lucene.analysis.hu.HungarianAnalyzer;
import org.apache.lucene.analysis.hy.ArmenianAnalyzer;
import org.apache.lucene.analysis.id.IndonesianAnalyzer;
import org.apache.lucene.analysis.it.ItalianAnalyzer;
import org.apache.lucene.analysis.lt.LithuanianAnalyzer;
import org.apache.lucene.analysis.ne.NepaliAnalyzer;
import org.apache.lucene.analysis.nl.DutchAnalyzer;
import org.apache.lucene.analysis.no.NorwegianAnalyzer;
import org.apache.lucene.analysis.pt.PortugueseAnalyzer;
import org.apache.lucene.analysis.ro.RomanianAnalyzer;
import org.apache.lucene.analysis.ru.RussianAnalyzer;
import org.apache.lucene.analysis.sr.SerbianAnalyzer;
import org.apache.lucene.analysis.sv.SwedishAnalyzer;
import org.apache.lucene.analysis.ta.TamilAnalyzer;
import org.apache.lucene.analysis.tr.TurkishAnalyzer;
import org.apache.lucene.util.Version;
import org.tartarus.snowball.SnowballStemmer;
import org.tartarus.snowball.ext.ArabicStemmer;
import org.tartarus.snowball.ext.ArmenianStemmer;
import org.tartarus.snowball.ext.BasqueStemmer;
import org.tartarus.snowball.ext.CatalanStemmer;
import org.tartarus.snowball.ext.DanishStemmer;
import org.tartarus.snowball.ext.DutchStemmer;
import org.tartarus.snowball.ext.EnglishStemmer;
import org.tartarus.snowball.ext.EstonianStemmer;
import org.tartarus.snowball.ext.FinnishStemmer;
import org.tartarus.snowball.ext.FrenchStemmer;
import org.tartarus.snowball.ext.GermanStemmer;
import org.tartarus.snowball.ext.GreekStemmer;
import org.tartarus.snowball.ext.HindiStemmer;
import org.tartarus.snowball.ext.HungarianStemmer;
import org.tartarus.snowball.ext.IndonesianStemmer;
import org.tartarus.snowball.ext.IrishStemmer;
import org.tartarus.snowball.ext.ItalianStemmer;
import org.tartarus.snowball.ext.LithuanianStemmer;
import org.tartarus.snowball.ext.NepaliStemmer;
import org.tartarus.snowball.ext.NorwegianStemmer;
import org.tartarus.snowball.ext.PortugueseStemmer;
import org.tartarus.snowball.ext.RomanianStemmer;
import org.tartarus.snowball.ext.RussianStemmer;
import org.tartarus.snowball.ext.SerbianStemmer;
import org.tartarus.snowball.ext.SpanishStemmer;
import org.tartarus.snowball.ext.SwedishStemmer;
import org.tartarus.snowball.ext.TamilStemmer;
import org.tartarus.snowball.ext.TurkishStemmer;

/** A language whose words can be stemmed (Snowball, Porter 2001) and whose stop words are known. */
@SuppressWarnings("ImmutableEnumChecker") // the suppliers have no state
public enum Language {
  ARABIC(ArabicStemmer::new, ArabicAnalyzer::getDefaultStopSet),
  ARMENIAN(ArmenianStemmer::new, ArmenianAnalyzer::getDefaultStopSet),
  BASQUE(BasqueStemmer::new, BasqueAnalyzer::getDefaultStopSet),
  CATALAN(CatalanStemmer::new, CatalanAnalyzer::getDefaultStopSet),
  DANISH(DanishStemmer::new, DanishAnalyzer::getDefaultStopSet),
  DUTCH(DutchStemmer::new, DutchAnalyzer::getDefaultStopSet),
  ENGLISH(EnglishStemmer::new, EnglishAnalyzer::getDefaultStopSet),
  ESTONIAN(EstonianStemmer::new, EstonianAnalyzer::getDefaultStopSet),
  FINNISH(FinnishStemmer::new, FinnishAnalyzer::getDefaultStopSet),
  FRENCH(FrenchStemmer::new, FrenchAnalyzer::getDefaultStopSet),
  GERMAN(GermanStemmer::new, GermanAnalyzer::getDefaultStopSet),
  GREEK(GreekStemmer::new, GreekAnalyzer::getDefaultStopSet),
  HINDI(HindiStemmer::new, HindiAnalyzer::getDefaultStopSet),
  HUNGARIAN(HungarianStemmer::new, HungarianAnalyzer::getDefaultStopSet),
  INDONESIAN(IndonesianStemmer::new, IndonesianAnalyzer::getDefaultStopSet),
  IRISH(IrishStemmer::new, IrishAnalyzer::getDefaultStopSet),
  ITALIAN(ItalianStemmer::new, ItalianAnalyzer::getDefaultStopSet),
  LITHUANIAN(LithuanianStemmer::new, LithuanianAnalyzer::getDefaultStopSet),
  NEPALI(NepaliStemmer::new, NepaliAnalyzer::getDefaultStopSet),
  NORWEGIAN(NorwegianStemmer::new, NorwegianAnalyzer::getDefaultStopSet),
  PORTUGUESE(PortugueseStemmer::new, PortugueseAnalyzer::getDefaultStopSet),
  ROMANIAN(RomanianStemmer::new, RomanianAnalyzer::getDefaultStopSet),
  RUSSIAN(RussianStemmer::new, RussianAnalyzer::getDefaultStopSet),
  SERBIAN(SerbianStemmer::new, SerbianAnalyzer::getDefaultStopSet),
  SPANISH(SpanishStemmer::new, SpanishAnalyzer::getDefaultStopSet),
  SWEDISH(SwedishStemmer::new, SwedishAnalyzer::getDefaultStopSet),
  TAMIL(TamilStemmer::new, TamilAnalyzer::getDefaultStopSet),
  TURKISH(TurkishStemmer::new, TurkishAnalyzer::getDefaultStopSet);

  /** Changes when stems or stop words may: what was made of them is then made again. */
  public static final String VERSION = "lucene " + Version.LATEST;

  private final Supplier<SnowballStemmer> stemmer;
  private final Supplier<CharArraySet> stopwords;

  /** Read when they are first asked for: with accents, and without. */
  private final Map<Boolean, Set<String>> known = new ConcurrentHashMap<>();

  Language(Supplier<SnowballStemmer> stemmer, Supplier<CharArraySet> stopwords) {
    this.stemmer = stemmer;
    this.stopwords = stopwords;
  }

  /**
   * The language of a name such as {@code english}, in any case.
   *
   * @throws CollectionException INVALID, listing those there are
   */
  public static Language of(String name) {
    for (Language language : values()) {
      if (language.label().equals(name.toLowerCase(Locale.ROOT))) {
        return language;
      }
    }
    throw CollectionException.invalid(
        "a language is one of "
            + Arrays.stream(values()).map(Language::label).collect(Collectors.joining(", "))
            + "; found \""
            + name
            + '"');
  }

  /** The name as clients give it. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** A stemmer, for one thread. */
  SnowballStemmer newStemmer() {
    return stemmer.get();
  }

  /**
   * Words that are too frequent to tell texts apart, in lower case.
   *
   * @param folding whether they are wanted without accents
   */
  Set<String> stopwords(boolean folding) {
    return known.computeIfAbsent(
        folding,
        _ -> {
          Set<String> words = new HashSet<>();
          for (Object word : stopwords.get()) {
            String text = new String((char[]) word);
            words.add(folding ? TextFolding.fold(text) : text);
          }
          return Set.copyOf(words);
        });
  }
}
