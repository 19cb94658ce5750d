// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionName;
import dev.arbalest.collections.model.JsonBody;
import dev.arbalest.natives.DirectFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.zip.CRC32C;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Other names of collections, in the file {@code aliases.json} of a data directory: its version,
 * the names, and the CRC32C of the names as they stand. Thread-safe.
 */
final class CollectionAliases {
  private static final String FILE_NAME = "aliases.json";
  private static final int VERSION = 1;
  private static final int MAX_ALIASES = 100_000;

  private final Path file;
  private volatile Map<String, String> names;

  private CollectionAliases(Path file, Map<String, String> names) {
    this.file = file;
    this.names = names;
  }

  /**
   * Reads the names of a data directory, none if there is no file.
   *
   * @throws IOException if the file is damaged or of another version
   */
  static CollectionAliases open(Path data) throws IOException {
    Path file = data.resolve(FILE_NAME);
    Map<String, String> names = new TreeMap<>();
    if (Files.exists(file)) {
      try {
        JsonNode root = JsonBody.JSON.readTree(Files.readAllBytes(file));
        int version = root.path("version").asInt(0);
        if (version != VERSION) {
          throw new IOException(file + " has version " + version + ", this build reads " + VERSION);
        }
        JsonNode aliases = root.path("aliases");
        if (root.path("crc32c").asLong(-1) != checksum(aliases)) {
          throw new IOException(file + " is damaged: its checksum differs; restore or remove it");
        }
        aliases.properties().forEach(one -> names.put(one.getKey(), one.getValue().asString("")));
      } catch (JacksonException e) {
        throw new IOException(file + " is damaged: " + e.getOriginalMessage(), e);
      }
    }
    return new CollectionAliases(file, Map.copyOf(names));
  }

  private static long checksum(JsonNode aliases) {
    CRC32C crc = new CRC32C();
    crc.update(aliases.toString().getBytes(StandardCharsets.UTF_8));
    return crc.getValue();
  }

  /** Collections by their other names. */
  Map<String, String> all() {
    return new TreeMap<>(names);
  }

  /** The collection of that name: what it stands for, or the name itself. */
  String resolve(String name) {
    return names.getOrDefault(name, name);
  }

  boolean has(String alias) {
    return names.containsKey(alias);
  }

  /**
   * Makes all changes or none; durable when this returns.
   *
   * @param isCollection tells names of collections
   */
  synchronized void change(List<AliasChange> changes, Predicate<String> isCollection)
      throws IOException {
    Map<String, String> next = new TreeMap<>(names);
    for (AliasChange change : changes) {
      switch (change) {
        case AliasChange.Create create -> {
          if (!isCollection.test(create.collection())) {
            throw CollectionException.notFound(create.collection());
          }
          requireFree(create.alias(), isCollection);
          next.put(create.alias(), create.collection());
        }
        case AliasChange.Delete delete -> {
          if (next.remove(delete.alias()) == null) {
            throw unknown(delete.alias());
          }
        }
        case AliasChange.Rename rename -> {
          String collection = next.remove(rename.from());
          if (collection == null) {
            throw unknown(rename.from());
          }
          requireFree(rename.to(), isCollection);
          next.put(rename.to(), collection);
        }
      }
    }
    if (next.size() > MAX_ALIASES) {
      throw new CollectionException(
          CollectionException.Kind.EXHAUSTED, "there are " + MAX_ALIASES + " aliases already");
    }
    store(next);
  }

  private static CollectionException unknown(String alias) {
    return new CollectionException(
        CollectionException.Kind.NOT_FOUND, "alias " + alias + " not found");
  }

  private static void requireFree(String alias, Predicate<String> isCollection) {
    String _ = CollectionName.toDirectory(alias); // an alias is named as a collection is
    if (isCollection.test(alias)) {
      throw new CollectionException(
          CollectionException.Kind.ALREADY_EXISTS,
          "alias " + alias + " cannot be made: a collection has that name");
    }
  }

  /** Forgets the other names of a collection that is gone. */
  synchronized void forget(String collection) throws IOException {
    Map<String, String> next = new TreeMap<>(names);
    if (next.values().removeIf(collection::equals)) {
      store(next);
    }
  }

  private void store(Map<String, String> next) throws IOException {
    ObjectNode aliases = JsonBody.JSON.createObjectNode();
    next.forEach(aliases::put);
    ObjectNode root = JsonBody.JSON.createObjectNode();
    root.put("version", VERSION);
    root.put("crc32c", checksum(aliases));
    root.set("aliases", aliases);
    Path written = file.resolveSibling(FILE_NAME + ".new");
    Files.write(written, JsonBody.JSON.writeValueAsBytes(root));
    try (FileChannel channel = FileChannel.open(written, StandardOpenOption.WRITE)) {
      channel.force(true);
    }
    Files.move(written, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    names = Map.copyOf(next); // as the file has them, whether or not the next step fails
    Path directory = file.getParent();
    if (directory != null) {
      DirectFile.syncDirectory(directory);
    }
  }
}
