// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.SearchResult;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;

/** A search in a flight recording; short ones are left out. */
@Name("dev.arbalest.Search")
@Label("Search")
@Category("Arbalest")
@StackTrace(false)
@Threshold("5 ms")
final class SearchEvent extends Event {
  @Label("Collection")
  String collection = "";

  @Label("Neighbours")
  int k;

  @Label("Hops")
  int hops;

  @Label("Reads")
  int reads;

  @Label("Microseconds walking")
  long walkMicros;

  @Label("Microseconds waiting for reads")
  long waitMicros;

  /** Ends the event and records it if it was long. */
  public void commit(String name, int neighbors, SearchResult result) {
    end();
    if (shouldCommit()) {
      collection = name;
      k = neighbors;
      hops = result.hops();
      reads = result.reads();
      walkMicros = result.walkNanos() / 1000;
      waitMicros = result.waitNanos() / 1000;
      commit();
    }
  }
}
