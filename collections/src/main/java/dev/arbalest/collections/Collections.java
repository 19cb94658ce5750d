// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.collections.model.CollectionException;
import dev.arbalest.collections.model.CollectionName;
import dev.arbalest.collections.model.CollectionSettings;
import dev.arbalest.natives.DirectFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The collections of a data directory, each in {@code collections/<name>}, and namespaces, each an
 * empty directory {@code namespaces/<name>}. One process at a time holds the data directory.
 * Thread-safe.
 */
public final class Collections implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger("dev.arbalest.collections");

  private static final int MAX_COLLECTIONS = 10_000;

  private static final String NEW = ".new";
  private static final String DROPPED = ".dropped";

  private final Path root;
  private final Path namespaces;
  private final CollectionOptions options;
  private final CollectionListener listener;
  private final FileChannel lockChannel;
  private final CollectionAliases aliases;
  private final Map<String, Collection> all = new ConcurrentSkipListMap<>();
  private final OpenCollections open;
  private final RecallWatch watch = new RecallWatch();
  private final ExecutorService loaders;
  private final CountDownLatch loaded;
  private volatile boolean closed;

  @MustBeClosed
  private Collections(
      CollectionOptions options, CollectionListener listener, FileChannel lockChannel)
      throws IOException {
    this.root = Files.createDirectories(options.data().resolve("collections"));
    this.namespaces = Files.createDirectories(options.data().resolve("namespaces"));
    this.options = options;
    this.listener = listener;
    this.lockChannel = lockChannel;
    this.aliases = CollectionAliases.open(options.data());
    this.open = new OpenCollections(options.memoryBytes(), options.openCollections());
    List<Collection> present = findPresent();
    this.loaded = new CountDownLatch(present.size());
    this.loaders =
        Executors.newFixedThreadPool(
            Math.max(1, Runtime.getRuntime().availableProcessors() / 2),
            Thread.ofPlatform().daemon().name("arbalest-load-", 0).factory());
    watch.start();
    for (Collection collection : present) {
      all.put(collection.name(), collection);
      loaders.execute(() -> {
        try {
          loadIfRoom(collection);
        } finally {
          loaded.countDown();
        }
      });
    }
  }

  /**
   * Opens a data directory, creates it if missing, and loads its collections. One that cannot be
   * loaded is out of service, {@link Collection#reason} says why, and the others are not affected.
   *
   * @throws IOException if another process has it, or it cannot be written to
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller
  public static Collections open(CollectionOptions options) throws IOException {
    Collections opened = open(options, CollectionListener.NONE);
    opened.awaitLoaded();
    return opened;
  }

  /**
   * Opens a data directory, creates it if missing, and starts to load its collections; until then a
   * collection answers UNAVAILABLE.
   *
   * @throws IOException if another process has it, or it cannot be written to
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static Collections open(CollectionOptions options, CollectionListener listener)
      throws IOException {
    Files.createDirectories(options.data());
    Path lock = options.data().resolve("server.lock");
    FileChannel channel =
        FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      FileLock held = tryLock(channel);
      if (held == null) {
        throw new IOException(options.data() + " is used by another process");
      }
      return new Collections(options, listener, channel);
    } catch (Throwable e) {
      channel.close();
      throw e;
    }
  }

  private static @org.jspecify.annotations.Nullable FileLock tryLock(FileChannel channel)
      throws IOException {
    try {
      return channel.tryLock();
    } catch (OverlappingFileLockException e) {
      return null; // by this process
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new CollectionException(
          CollectionException.Kind.UNAVAILABLE, "the collections of " + root + " are closed");
    }
  }

  /** Loads a collection unless others had to be closed for it: then it waits to be asked for. */
  private void loadIfRoom(Collection collection) {
    if (open.count() < open.mostOpen()) {
      collection.load();
    } else {
      collection.leaveIdle();
    }
  }

  /** Collections to load; what creating or dropping left half done is removed. */
  @SuppressWarnings("MustBeClosedChecker") // closed with this
  private List<Collection> findPresent() throws IOException {
    List<Collection> present = new ArrayList<>();
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(root)) {
      for (Path directory : directories) {
        String encoded = String.valueOf(directory.getFileName());
        if (encoded.startsWith(".")) {
          if (encoded.endsWith(NEW) || encoded.endsWith(DROPPED)) {
            Directories.remove(directory);
          }
          continue;
        }
        try {
          String name = CollectionName.ofDirectory(encoded);
          present.add(new Collection(name, directory, options, listener, open, watch));
        } catch (IllegalArgumentException | CollectionException e) {
          LOG.log(
              System.Logger.Level.WARNING,
              directory + " is left alone: its name is no collection's");
        }
      }
    }
    return present;
  }

  /** Waits until all collections were loaded or found faulty. */
  public void awaitLoaded() {
    boolean interrupted = false;
    while (true) {
      try {
        loaded.await();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** All of them by name. */
  public List<Collection> list() {
    return List.copyOf(all.values());
  }

  public boolean has(String name) {
    return all.containsKey(name);
  }

  /** Collections by their other names. */
  public Map<String, String> aliases() {
    return aliases.all();
  }

  /**
   * The name of the collection that a name stands for: itself, unless it is another name of one.
   */
  public String resolve(String name) {
    return aliases.resolve(name);
  }

  /** Changes the other names of collections: all changes are made, durably, or none. */
  public synchronized void changeAliases(List<AliasChange> changes) {
    requireOpen();
    try {
      aliases.change(changes, this::has);
    } catch (IOException e) {
      throw new CollectionException(
          CollectionException.Kind.INTERNAL, "changing aliases: " + e.getMessage(), 0, e);
    }
  }

  /**
   * One of them.
   *
   * @throws CollectionException NOT_FOUND
   */
  public Collection get(String name) {
    Collection collection = all.get(name);
    if (collection == null) {
      throw CollectionException.notFound(name);
    }
    return collection;
  }

  /**
   * Makes a collection.
   *
   * @throws CollectionException ALREADY_EXISTS if there is one of that name
   */
  @SuppressWarnings("MustBeClosedChecker") // closed with this
  public synchronized Collection create(String name, CollectionSettings settings) {
    requireOpen();
    String encoded = CollectionName.toDirectory(name);
    if (has(name)) {
      throw new CollectionException(
          CollectionException.Kind.ALREADY_EXISTS, "collection " + name + " already exists");
    }
    if (aliases.has(name)) {
      throw new CollectionException(
          CollectionException.Kind.ALREADY_EXISTS,
          name + " is another name of collection " + aliases.resolve(name));
    }
    if (all.size() >= MAX_COLLECTIONS) {
      throw new CollectionException(
          CollectionException.Kind.EXHAUSTED,
          "there are " + MAX_COLLECTIONS + " collections already");
    }
    Collection collection =
        new Collection(name, root.resolve(encoded), options, listener, open, watch);
    collection.makeRoom(open, 0);
    Path target = root.resolve(encoded);
    Path temporary = root.resolve("." + encoded + NEW);
    try {
      Directories.remove(temporary);
      Files.createDirectory(temporary);
      CollectionFiles.create(temporary, settings);
      DirectFile.syncDirectory(temporary);
      Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
      DirectFile.syncDirectory(root);
    } catch (IOException e) {
      throw new CollectionException(
          CollectionException.Kind.INTERNAL,
          "creating collection " + name + ": " + e.getMessage(),
          0,
          e);
    }
    collection.load();
    all.put(name, collection);
    return collection;
  }

  /** The collection of that name as it is, or made with these settings if there is none. */
  public Collection getOrCreate(String name, CollectionSettings settings) {
    Collection present = all.get(name);
    return present == null ? createIfAbsent(name, settings) : present;
  }

  private synchronized Collection createIfAbsent(String name, CollectionSettings settings) {
    Collection present = all.get(name);
    return present == null ? create(name, settings) : present;
  }

  /** Removes a collection and its files. */
  public void drop(String name) {
    requireOpen();
    Collection collection = get(name);
    // A name of its own: the files of one dropped before may not all be removed yet.
    String hidden = "." + CollectionName.toDirectory(name) + "-" + System.nanoTime() + DROPPED;
    Path dropped = root.resolve(hidden);
    try {
      collection.close();
    } catch (IOException | RuntimeException e) {
      LOG.log(System.Logger.Level.WARNING, "closing collection " + name + " to drop it", e);
    }
    try {
      moveAway(name, collection, dropped);
      Directories.remove(dropped); // others need not wait for that
    } catch (IOException e) {
      throw new CollectionException(
          CollectionException.Kind.INTERNAL,
          "dropping collection " + name + ": " + e.getMessage(),
          0,
          e);
    }
  }

  private synchronized void moveAway(String name, Collection collection, Path dropped)
      throws IOException {
    if (!all.remove(name, collection)) {
      return; // somebody else did it
    }
    Files.move(collection.directory(), dropped, StandardCopyOption.ATOMIC_MOVE);
    listener.dropped(name);
    DirectFile.syncDirectory(root);
    aliases.forget(name);
  }

  /** Makes a namespace; collections of it are named {@code namespace/name}. */
  public void createNamespace(String name) {
    requireOpen();
    try {
      Files.createDirectories(namespaces.resolve(CollectionName.toDirectory(name)));
      DirectFile.syncDirectory(namespaces);
    } catch (IOException e) {
      throw new CollectionException(
          CollectionException.Kind.INTERNAL,
          "creating namespace " + name + ": " + e.getMessage(),
          0,
          e);
    }
  }

  /** Removes a namespace with all its collections. */
  public void dropNamespace(String name) {
    boolean found = false;
    for (Collection collection : list()) {
      if (collection.name().startsWith(name + "/")) {
        drop(collection.name());
        found = true;
      }
    }
    try {
      found |= Files.deleteIfExists(namespaces.resolve(CollectionName.toDirectory(name)));
    } catch (IOException e) {
      throw new CollectionException(
          CollectionException.Kind.INTERNAL,
          "dropping namespace " + name + ": " + e.getMessage(),
          0,
          e);
    }
    if (!found) {
      throw new CollectionException(
          CollectionException.Kind.NOT_FOUND, "namespace " + name + " not found");
    }
  }

  /** Namespaces that were made or that a collection is in. */
  public List<String> namespaces() {
    java.util.TreeSet<String> names = new java.util.TreeSet<>();
    try (DirectoryStream<Path> directories = Files.newDirectoryStream(namespaces)) {
      for (Path directory : directories) {
        names.add(CollectionName.ofDirectory(String.valueOf(directory.getFileName())));
      }
    } catch (IOException e) {
      throw new CollectionException(
          CollectionException.Kind.INTERNAL, "listing namespaces: " + e.getMessage(), 0, e);
    }
    for (Collection collection : list()) {
      int slash = collection.name().indexOf('/');
      if (slash > 0) {
        names.add(collection.name().substring(0, slash));
      }
    }
    return List.copyOf(names);
  }

  /** Has what takes long end soon: loading, and compactions that requests wait for. */
  public void prepareClose() {
    list().forEach(Collection::prepareClose);
  }

  /** Waits for running requests, then closes all collections with a checkpoint each. */
  @Override
  public void close() throws IOException {
    synchronized (this) { // no collection is being made
      closed = true;
    }
    try (FileChannel _ = lockChannel) {
      watch.close();
      open.close();
      prepareClose();
      awaitLoaded();
      loaders.close();
      for (Collection collection : list()) {
        try {
          collection.close();
        } catch (IOException | RuntimeException e) {
          LOG.log(System.Logger.Level.WARNING, "closing collection " + collection.name(), e);
        }
      }
    }
  }
}
