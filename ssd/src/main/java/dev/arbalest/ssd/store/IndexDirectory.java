// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.store;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.BadInputException;
import dev.arbalest.CorruptIndexException;
import dev.arbalest.ElementType;
import dev.arbalest.RecallCurve;
import dev.arbalest.natives.DirectFile;
import dev.arbalest.natives.NativeMemory;
import dev.arbalest.natives.Workers;
import dev.arbalest.ssd.format.BlockFile;
import dev.arbalest.ssd.format.BuildState;
import dev.arbalest.ssd.format.FileHeader;
import dev.arbalest.ssd.format.Manifest;
import dev.arbalest.ssd.log.LogSegments;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * An index directory held for writing. One process at a time holds {@code LOCK}. Files that the
 * committed manifest does not name are leftovers of a killed writer, and are removed. Renaming the
 * manifest, after all its files are durable, makes a new index visible: until then readers see the
 * old index, or none.
 */
public final class IndexDirectory implements AutoCloseable {
  private static final String LOCK = DirectoryLock.FILE_NAME;

  /** Directory of the log. */
  public static final String LOG = "wal";

  private static final String TEMPORARY = Manifest.FILE_NAME + ".new";
  private static final Pattern OURS =
      Pattern.compile(
          "vectors(\\.[0-9]+)?\\.f(32|16)|(graph|codes|codec|ids|sums|texts|tombstones)\\.[0-9]+|graph\\.[0-9]+\\.[01]"
              + "|build\\.json(\\.new)?|tuning\\.json(\\.new)?");

  private final Path path;
  private final DirectoryLock lock;
  private Optional<Manifest> committed;
  private boolean renamed;
  private boolean uncertain;

  private IndexDirectory(Path path, DirectoryLock lock, Optional<Manifest> committed) {
    this.path = path;
    this.lock = lock;
    this.committed = committed;
  }

  /**
   * Creates the directory if need be and takes its lock.
   *
   * @throws BadInputException if the path is no directory or holds files that are not an index's
   * @throws IOException if another process writes to it, or permission is missing
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static IndexDirectory openForWriting(Path path) throws IOException {
    return openForWriting(path, false);
  }

  /**
   * The same, leaving what an unfinished build has written where it is if it is to go on.
   *
   * @param resume whether {@link #unfinished} will be asked for
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static IndexDirectory openForWriting(Path path, boolean resume) throws IOException {
    if (Files.exists(path) && !Files.isDirectory(path)) {
      throw new BadInputException(path + " is a file; an index is a directory");
    }
    createDurably(path.toAbsolutePath());
    Set<String> foreign = names(path).stream().filter(n -> !isOurs(n)).collect(Collectors.toSet());
    if (!foreign.isEmpty()) {
      throw new BadInputException(
          path
              + " holds files that are not an index's ("
              + foreign.stream().sorted().limit(3).collect(Collectors.joining(", "))
              + "); give an empty or new directory");
    }
    if (!Files.exists(path.resolve(LOCK)) && holdsIndexFiles(path)) {
      // A writer makes LOCK before anything else: without it these are somebody else's files.
      throw new BadInputException(
          path
              + " holds files named like an index's, but no "
              + LOCK
              + "; give an empty or new directory");
    }
    DirectoryLock lock = DirectoryLock.take(path, DirectoryLock.Use.BUILD);
    try {
      IndexDirectory directory = new IndexDirectory(path, lock, readIfPresent(path));
      if (!resume) {
        directory.removeLeftovers();
      }
      return directory;
    } catch (Throwable e) {
      try (lock) {
        throw e;
      }
    }
  }

  /**
   * Opens a directory to change its index.
   *
   * @throws BadInputException if it holds none
   * @throws IOException if another process writes to it or reads it
   */
  @MustBeClosed
  @SuppressWarnings("MustBeClosedChecker") // handed to the caller, or closed on failure
  public static IndexDirectory openForUpdate(Path path) throws IOException {
    Manifest _ = readManifest(path); // tells what is wrong if there is none
    DirectoryLock lock = DirectoryLock.take(path, DirectoryLock.Use.UPDATE);
    try {
      Manifest manifest = readManifest(path);
      IndexDirectory directory = new IndexDirectory(path, lock, Optional.of(manifest));
      directory.removeLeftovers();
      return directory;
    } catch (Throwable e) {
      try (lock) {
        throw e;
      }
    }
  }

  private static void createDurably(Path path) throws IOException {
    if (Files.isDirectory(path)) {
      return;
    }
    Path parent = path.getParent();
    if (parent != null) {
      createDurably(parent);
    }
    try {
      Files.createDirectory(path);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(path)) {
        throw e;
      }
    }
    if (parent != null) {
      DirectFile.syncDirectory(parent);
    }
  }

  /**
   * Refuses an unreadable manifest rather than replacing it: a newer version may have written it,
   * and its files may be the only copy of the vectors.
   */
  private static Optional<Manifest> readIfPresent(Path path) throws IOException {
    try {
      return Optional.of(Manifest.read(path));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
  }

  private static boolean isOurs(String name) {
    return name.equals(LOCK)
        || name.equals(LOG)
        || name.equals(Manifest.FILE_NAME)
        || name.equals(TEMPORARY)
        || OURS.matcher(name).matches();
  }

  private static List<String> names(Path path) throws IOException {
    try (Stream<Path> entries = Files.list(path)) {
      return entries.map(entry -> entry.getFileName().toString()).toList();
    }
  }

  /** Whether the directory holds files of an index, with or without a manifest. */
  static boolean holdsIndexFiles(Path path) throws IOException {
    return names(path).stream().anyMatch(name -> OURS.matcher(name).matches());
  }

  public Path path() {
    return path;
  }

  /** What keeps others out. */
  public DirectoryLock lock() {
    return lock;
  }

  /** Generation of the index being written. */
  public long nextGeneration() {
    return committed.map(Manifest::generation).orElse(0L) + 1;
  }

  /** Path of a part of the index being written; no committed file has it. */
  Path newFile(Manifest.Part part) {
    return path.resolve(part.label() + "." + nextGeneration());
  }

  /**
   * Writes a part of the index being written; what an earlier run may have left half-written is
   * replaced.
   *
   * @return what the manifest is to say of it
   */
  public Manifest.Entry write(
      Manifest.Part part,
      FileHeader.Kind kind,
      MemorySegment payload,
      Workers workers,
      long... numbers)
      throws IOException {
    Path file = newFile(part);
    Files.deleteIfExists(file);
    BlockFile.Written written = BlockFile.write(file, kind, payload, workers, numbers);
    return new Manifest.Entry(file.getFileName().toString(), written.bytes(), written.checksum());
  }

  /** Where a new index's vectors go. */
  public Path newVectorFile(ElementType storage) {
    String name = "vectors." + storage.label();
    boolean taken =
        committed
            .map(manifest -> manifest.file(Manifest.Part.VECTORS).name().equals(name))
            .orElse(false);
    return path.resolve(taken ? "vectors." + nextGeneration() + "." + storage.label() : name);
  }

  /**
   * Makes a new index the directory's, then removes the files of the old one.
   *
   * @return which of those could not be removed and why, or the empty string
   */
  public String commit(Manifest manifest) throws IOException {
    syncDirectory();
    replace(TEMPORARY, Manifest.FILE_NAME, manifest.toBytes());
    renamed = true;
    syncDirectory();
    try {
      removeAllBut(names(manifest));
      LogSegments.removeAll(log()); // of the index that was replaced
      return "";
    } catch (IOException e) {
      return "the new index is in place, but files of the old one remain until the next build: "
          + e.getMessage();
    }
  }

  /** The committed index. */
  public Optional<Manifest> committed() {
    return committed;
  }

  /**
   * Makes a checkpoint the directory's index, then removes the files it replaces; the index may be
   * checkpointed again. What cannot be removed is left for the next time.
   */
  public void commitCheckpoint(Manifest manifest) throws IOException {
    syncDirectory();
    long before = committed.map(Manifest::generation).orElse(0L);
    uncertain = true;
    try {
      replace(TEMPORARY, Manifest.FILE_NAME, manifest.toBytes());
    } catch (Throwable e) {
      uncertain = !isManifestOf(before);
      throw e;
    }
    // The manifest has its name and cannot be taken back; whether that survives a power failure is
    // known only after the sync. Until then the files of both are needed.
    committed = Optional.of(manifest);
    syncDirectory();
    uncertain = false;
    Set<String> needed = new HashSet<>(names(manifest));
    needed.add(RecallCurve.FILE_NAME);
    needed.add(RecallCurve.TEMPORARY); // may be written just now
    try {
      removeAllBut(needed);
    } catch (IOException e) {
      // They do no harm; the next checkpoint or opening removes them.
      assert e != null;
    }
  }

  /** Whether it is unknown which of two manifests a power failure would leave. */
  public boolean isUncertain() {
    return uncertain;
  }

  private boolean isManifestOf(long generation) {
    try {
      return Manifest.read(path).generation() == generation;
    } catch (IOException e) {
      return false;
    }
  }

  /** Where the log of an index that is written to is. */
  public Path log() {
    return path.resolve(LOG);
  }

  /** Makes a small file durable under a temporary name, then gives it its own. */
  private void replace(String temporaryName, String name, byte[] bytes) throws IOException {
    Path temporary = path.resolve(temporaryName);
    Files.deleteIfExists(temporary);
    long padded = (bytes.length + 4095L) / 4096 * 4096;
    try (DirectFile file = DirectFile.open(temporary, DirectFile.Mode.CREATE);
        NativeMemory memory = NativeMemory.allocate(padded)) {
      MemorySegment.copy(
          bytes, 0, memory.segment(), java.lang.foreign.ValueLayout.JAVA_BYTE, 0, bytes.length);
      file.write(memory.segment(), 0, padded, 0);
      file.truncate(bytes.length);
      file.sync();
    }
    Files.move(temporary, path.resolve(name), StandardCopyOption.ATOMIC_MOVE);
  }

  /**
   * The unfinished build of the next generation, if there is one; what does not belong to it is
   * removed.
   */
  public Optional<BuildState> unfinished() throws IOException {
    Optional<BuildState> state =
        BuildState.read(path).filter(found -> found.generation() == nextGeneration());
    if (state.isEmpty()) {
      removeLeftovers();
      return state;
    }
    syncDirectory();
    Files.deleteIfExists(path.resolve(TEMPORARY));
    Set<String> needed = new HashSet<>(state.get().names());
    committed.ifPresent(manifest -> needed.addAll(names(manifest)));
    needed.add(RecallCurve.FILE_NAME);
    removeAllBut(needed);
    return state;
  }

  /** Replaces the state of the unfinished build; the files it names must be durable. */
  public void save(BuildState state) throws IOException {
    syncDirectory();
    replace(BuildState.FILE_NAME + ".new", BuildState.FILE_NAME, state.toBytes());
    syncDirectory();
  }

  /** One of the two files graph checkpoints go to in turn. */
  public Path graphCheckpoint(int turn) {
    return path.resolve("graph." + nextGeneration() + "." + turn % 2);
  }

  private void removeLeftovers() throws IOException {
    // The process that committed the index may have died before the commit was durable. Only when
    // it
    // is are the files of the replaced index leftovers.
    syncDirectory();
    Files.deleteIfExists(path.resolve(TEMPORARY));
    Set<String> needed = new HashSet<>();
    if (committed.isPresent()) {
      needed.addAll(names(committed.get()));
      needed.add(RecallCurve.FILE_NAME); // belongs to the present index until another replaces it
    }
    removeAllBut(needed);
  }

  private static Set<String> names(Manifest manifest) {
    return manifest.files().values().stream().map(Manifest.Entry::name).collect(Collectors.toSet());
  }

  private void removeAllBut(Set<String> named) throws IOException {
    for (String name : names(path)) {
      if (OURS.matcher(name).matches() && !named.contains(name)) {
        Files.deleteIfExists(path.resolve(name));
      }
    }
  }

  /** Removes what a failed writer has written, unless it has become the index. */
  public void rollBack(Throwable cause) {
    if (renamed) {
      return;
    }
    List<Path> files = new ArrayList<>();
    for (Manifest.Part part : Manifest.Part.values()) {
      if (part != Manifest.Part.VECTORS) {
        files.add(newFile(part));
      }
    }
    for (ElementType storage : ElementType.values()) {
      files.add(newVectorFile(storage));
    }
    files.add(path.resolve(TEMPORARY));
    files.add(path.resolve(BuildState.FILE_NAME));
    files.add(path.resolve(BuildState.FILE_NAME + ".new"));
    files.add(graphCheckpoint(0));
    files.add(graphCheckpoint(1));
    for (Path file : files) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        cause.addSuppressed(e);
      }
    }
  }

  private void syncDirectory() throws IOException {
    DirectFile.syncDirectory(path);
  }

  @Override
  public void close() throws IOException {
    lock.close();
  }

  /** Reads the manifest, telling a missing index from a half-written one. */
  public static Manifest readManifest(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      throw new BadInputException("index directory " + directory + " does not exist");
    }
    if (!Files.isDirectory(directory)) {
      throw new BadInputException(directory + " is no directory; an index is one");
    }
    try {
      return Manifest.read(directory);
    } catch (NoSuchFileException e) {
      if (holdsIndexFiles(directory)) {
        throw new CorruptIndexException(
            directory, "a build was not finished (no " + Manifest.FILE_NAME + "); build again");
      }
      throw new BadInputException(
          directory + " holds no index (no " + Manifest.FILE_NAME + "); build one first");
    }
  }
}
