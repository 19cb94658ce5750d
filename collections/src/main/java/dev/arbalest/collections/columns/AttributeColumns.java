// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections.columns;

import dev.arbalest.IdType;
import dev.arbalest.Ids;
import dev.arbalest.IndexInfo;
import dev.arbalest.LiveIndex;
import dev.arbalest.ProgressListener;
import dev.arbalest.Slots;
import dev.arbalest.collections.attributes.AttributeStore;
import dev.arbalest.collections.attributes.PointRow;
import dev.arbalest.collections.filter.Filter;
import dev.arbalest.collections.model.PointId;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The indexed fields of a collection as columns by slot, which writes keep and filters are
 * evaluated on. The database has the same values and is the truth: it fills the columns when the
 * collection was not closed cleanly, and answers what they cannot.
 *
 * <p>Thread-safe: everything happens within {@link LiveIndex#withSlots}.
 */
public final class AttributeColumns implements AutoCloseable {
  private static final int ROWS = 5000;
  private static final JsonMapper JSON = JsonMapper.shared();

  private final LiveIndex index;
  private final AttributeStore store;
  private final Map<String, FieldColumn> fields = new LinkedHashMap<>();
  private final AttributeStore.Listener writes = this::changed;
  private final Slots.Listener places = this::placed;

  /** Slots whose point and attributes are both there. */
  private long[] known = new long[16];

  private volatile long version;
  private String source = "";

  /** Why some fields have no column, or the empty string. */
  private volatile String refused = "";

  private AttributeColumns(LiveIndex index, AttributeStore store) {
    this.index = index;
    this.store = store;
  }

  /**
   * Opens the columns of a collection: those it was closed with, or new ones made of the database.
   *
   * @param directory of the collection
   * @param index that is open, and was made to agree with the database
   * @param loading told of points read from the database; ends it by throwing
   * @throws IOException if the database cannot be read
   */
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static AttributeColumns open(
      Path directory, LiveIndex index, AttributeStore store, ProgressListener loading)
      throws IOException {
    AttributeColumns columns = new AttributeColumns(index, store);
    try {
      columns.source = index.info().closed() ? columns.load(directory) : "the index was not closed";
      if (!columns.source.isEmpty()) {
        columns.fields.values().forEach(FieldColumn::close);
        columns.fields.clear();
        columns.known = new long[16];
      }
      index.addSlotListener(columns.places);
      store.addListener(columns.writes);
      columns.fill(loading);
      return columns;
    } catch (Throwable e) {
      columns.close();
      throw e;
    }
  }

  private String load(Path directory) throws IOException {
    return ColumnFile.read(
        directory,
        stamp(index.info()),
        reader -> {
          known = reader.getLongs();
          for (int left = reader.getInt(); left > 0; left--) {
            FieldColumn column = FieldColumn.read(reader);
            fields.put(column.path(), column);
          }
        });
  }

  private ColumnFile.Stamp stamp(IndexInfo info) throws IOException {
    return new ColumnFile.Stamp(store.changeNumber(), info.generation(), info.logSequence());
  }

  /**
   * Writes the columns for the next opening.
   *
   * @param directory of the collection
   * @param info of the index, which was closed
   */
  public void save(Path directory, IndexInfo info) throws IOException {
    if (fields.isEmpty()) {
      ColumnFile.delete(directory);
      return;
    }
    ColumnFile.write(
        directory,
        stamp(info),
        writer -> {
          writer.putLongs(known);
          writer.putInt(fields.size());
          for (FieldColumn column : fields.values()) {
            column.write(writer);
          }
        });
  }

  /** Removes what {@link #save} wrote. */
  public static void deleteSaved(Path directory) throws IOException {
    ColumnFile.delete(directory);
  }

  /** Memory that the columns will take when a collection is opened, if it was closed cleanly. */
  public static long savedBytes(Path directory) {
    return ColumnFile.bytes(directory);
  }

  /** Why columns had to be made of the database when they were opened, or the empty string. */
  public String source() {
    return source;
  }

  /**
   * Makes the columns of fields that have an index and no column, and drops those of fields that
   * have none any more. No attributes change meanwhile.
   */
  public void fill() throws IOException {
    fill(ProgressListener.NONE);
  }

  private void fill(ProgressListener progress) throws IOException {
    Map<String, String> wanted = store.indexes().kindsByPath();
    List<FieldColumn> missing = new ArrayList<>();
    refused = "";
    for (Map.Entry<String, String> field : wanted.entrySet()) {
      FieldColumn present = fields.get(field.getKey());
      if (present != null && present.kind().equals(field.getValue())) {
        continue;
      }
      if (index.isMemoryShort()) {
        refused = "memory is short";
      } else {
        missing.add(new FieldColumn(field.getKey(), field.getValue()));
      }
    }
    boolean[] isShort = new boolean[1];
    Slots.Listener following =
        (slot, former) -> {
          try {
            move(missing, slot, former);
          } catch (OutOfMemoryError e) {
            isShort[0] = true; // the write goes on without these columns
          }
        };
    index.addSlotListener(following); // a compaction may move points meanwhile
    try {
      if (!missing.isEmpty()) {
        readAll(missing, progress);
      }
      index.withSlots(_ -> {
        if (isShort[0]) {
          refused = "memory ran out while their columns were made";
          missing.forEach(FieldColumn::close);
          missing.clear();
        }
        replace(wanted, missing);
        index.removeSlotListener(following); // the other listener moves them from now on
        return null;
      });
    } catch (Throwable e) {
      index.removeSlotListener(following);
      missing.forEach(FieldColumn::close);
      throw e;
    }
  }

  /** Takes new columns, and drops those of fields that have no index any more. */
  private void replace(Map<String, String> wanted, List<FieldColumn> missing) {
    fields
        .values()
        .removeIf(column -> {
          boolean isGone = !column.kind().equals(wanted.get(column.path()));
          if (isGone) {
            column.close();
          }
          return isGone;
        });
    missing.forEach(column -> fields.put(column.path(), column));
    changeVersion();
  }

  /** Reads all points into columns that no filter sees yet. */
  private void readAll(List<FieldColumn> missing, ProgressListener progress) throws IOException {
    IdType type = index.idType();
    PointId from = null;
    do {
      List<PointRow> rows = store.scroll(null, from, ROWS + 1);
      from = rows.size() > ROWS ? rows.getLast().id() : null;
      List<PointRow> page = rows.subList(0, Math.min(rows.size(), ROWS));
      Ids ids = PointId.toIds(page.stream().map(PointRow::id).toList(), type);
      List<@Nullable JsonNode> documents = new ArrayList<>();
      page.forEach(row -> documents.add(parse(row.payload())));
      index.withSlots(slots -> {
        put(slots, ids, documents, missing);
        return null;
      });
      progress.advanced(page.size());
    } while (from != null);
  }

  private static @Nullable JsonNode parse(@Nullable String payload) {
    if (payload == null) {
      return null;
    }
    try {
      return JSON.readTree(payload);
    } catch (JacksonException e) {
      throw new IllegalStateException("attributes are no JSON: " + e.getMessage(), e);
    }
  }

  private void put(
      Slots slots, Ids ids, List<@Nullable JsonNode> documents, Iterable<FieldColumn> columns) {
    for (int i = 0; i < ids.size(); i++) {
      int slot = slots.find(ids, i);
      if (slot != Slots.NONE) {
        reserveKnown(slot);
        Bitmaps.set(known, slot);
        for (FieldColumn column : columns) {
          column.set(slot, documents.get(i));
        }
      }
    }
  }

  private void reserveKnown(int slot) {
    if (slot / 64 >= known.length) {
      known = Arrays.copyOf(known, slot / 64 + 1 + slot / 512);
    }
  }

  /** A vector takes a slot. Without memory for it the columns end, not the write. */
  private void placed(int slot, int former) {
    changeVersion();
    try {
      move(slot, former);
    } catch (OutOfMemoryError e) {
      giveUp(e);
    }
  }

  private void move(int slot, int former) {
    move(fields.values(), slot, former);
    if (former == Slots.NONE) { // its attributes come after it
      forget(slot);
    } else if (Bitmaps.has(known, former)) {
      reserveKnown(slot);
      Bitmaps.set(known, slot);
    } else {
      forget(slot);
    }
  }

  private static void move(Iterable<FieldColumn> columns, int slot, int former) {
    for (FieldColumn column : columns) {
      if (former == Slots.NONE) {
        column.clear(slot);
      } else {
        column.copy(slot, former);
      }
    }
  }

  private void forget(int slot) {
    if (Bitmaps.has(known, slot)) {
      known[slot / 64] &= ~(1L << slot % 64);
    }
  }

  /** Leaves everything to the database, as columns may lack what it has; within the slots. */
  private void giveUp(Throwable cause) {
    refused = "updating the columns failed (" + cause + "); reopen the collection";
    fields.values().forEach(FieldColumn::close);
    fields.clear();
    changeVersion();
  }

  /** Attributes of points changed, or may have. */
  private void changed(List<PointId> ids, @Nullable List<@Nullable String> payloads)
      throws IOException {
    try {
      update(ids, payloads);
    } catch (Throwable e) {
      index.withSlots(_ -> {
        giveUp(e);
        return null;
      });
      throw e;
    }
  }

  private void update(List<PointId> ids, @Nullable List<@Nullable String> payloads)
      throws IOException {
    List<PointId> there = new ArrayList<>();
    List<@Nullable JsonNode> documents = new ArrayList<>();
    if (payloads == null) {
      for (PointRow row : store.rows(ids)) {
        if (row != null) {
          there.add(row.id());
          documents.add(parse(row.payload()));
        }
      }
    } else {
      there.addAll(ids);
      payloads.forEach(payload -> documents.add(parse(payload)));
    }
    Ids keys = PointId.toIds(there, index.idType());
    index.withSlots(slots -> {
      put(slots, keys, documents, fields.values());
      changeVersion();
      return null;
    });
  }

  /** Within access to the slots. */
  private void changeVersion() {
    long next = version + 1; // one thread at a time
    version = next;
  }

  /** Number of changes of what filters accept, and of slots. */
  public long version() {
    return version;
  }

  /** Whether a filter can be evaluated on columns alone. */
  public boolean covers(Filter filter) {
    return index.withSlots(_ -> isCovered(filter));
  }

  /**
   * The slots that a filter accepts, which {@link #covers} said can be evaluated; within access to
   * the slots.
   *
   * @return null if it cannot be any more
   */
  public long @Nullable [] select(Filter filter, Slots slots) {
    if (!isCovered(filter)) {
      return null;
    }
    long[] words = new ColumnFilter(fields, known, slots, index.idType()).select(filter);
    Bitmaps.retain(words, known);
    return words;
  }

  private boolean isCovered(Filter filter) {
    // Without a column it is not known which points have attributes.
    return !fields.isEmpty() && ColumnFilter.covers(fields, filter);
  }

  /** Counts the values of a field among some slots; null if they are not all in memory. */
  public @Nullable Map<Object, Integer> countValues(
      Filter.FieldPath field, Slots slots, long[] words) {
    FieldColumn column =
        field.jsonPaths().size() == 1 ? fields.get(field.jsonPaths().getFirst()) : null;
    if (column == null || !column.canCount()) {
      return null;
    }
    long[] counted = Arrays.copyOf(words, (slots.size() + 63) / 64);
    Bitmaps.retain(counted, known);
    Bitmaps.retain(counted, slots.live());
    return column.countValues(counted);
  }

  /** Why a field is not, or not wholly, in memory; the empty string if it is. */
  public String problem(Filter.FieldPath field) {
    return index.withSlots(_ -> {
      FieldColumn column = fields.get(field.jsonPaths().getFirst());
      return column == null ? refused : column.problem();
    });
  }

  /**
   * Figures of a field.
   *
   * @param points that have a value
   * @param bytes of memory
   * @param problem why some conditions are left to the database, or the empty string
   */
  public record FieldStats(int points, long bytes, String problem) {}

  /** Figures of the fields that are in memory, by their JSON paths. */
  public Map<String, FieldStats> stats() {
    return index.withSlots(slots -> {
      Map<String, FieldStats> stats = new LinkedHashMap<>();
      fields.forEach((path, column) -> {
        long[] filled = column.filled((slots.size() + 63) / 64);
        Bitmaps.retain(filled, slots.live());
        stats.put(path, new FieldStats(Bitmaps.size(filled), column.bytes(), column.problem()));
      });
      return stats;
    });
  }

  /** Why some indexed fields are not in memory, or the empty string. */
  public String refused() {
    return refused;
  }

  /** Bytes of memory of all columns. */
  public long bytes() {
    return index.withSlots(_ -> fields.values().stream().mapToLong(FieldColumn::bytes).sum());
  }

  /** Frees the memory; the index is closed before, or nothing is written to it any more. */
  @Override
  public void close() {
    store.removeListener(writes);
    fields.values().forEach(FieldColumn::close);
    fields.clear();
  }
}
