// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.testing;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What changed on a disk, call by call, and what a power failure may leave of it. After a sync of a
 * file all that was written to it before is there, after a sync of a directory all its names. Of
 * what came since any part may be there: each sector of a write by itself, each change of a size,
 * each name made, moved or removed.
 */
public final class DiskRecord {
  private static final int SECTOR_BYTES = 512;

  /** Kinds of calls, numbered as in {@code faultfs.c}. */
  public enum Kind {
    NONE,
    CREATE,
    WRITE,
    TRUNCATE,
    EXTEND,
    SYNC,
    RENAME,
    REMOVE,
    MAKE_DIRECTORY,
    SYNC_DIRECTORY,
    REMOVE_DIRECTORY
  }

  /**
   * A call that succeeded.
   *
   * @param path below the mount point, from "/"
   * @param to second path of a rename, else empty
   * @param number where a write begins, or a new size
   * @param data written
   */
  @SuppressWarnings("ArrayRecordComponent") // read, never compared
  public record Call(Kind kind, String path, String to, int number, byte[] data) {}

  private final List<Call> calls;

  private DiskRecord(List<Call> calls) {
    this.calls = calls;
  }

  /** The calls, in their order. */
  public List<Call> calls() {
    return calls;
  }

  static DiskRecord read(Path file) throws IOException {
    List<Call> calls = new ArrayList<>();
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file), 1 << 20))) {
      while (true) {
        int kind = in.read();
        if (kind < 0) {
          return new DiskRecord(calls);
        }
        int pathBytes = Short.toUnsignedInt(Short.reverseBytes(in.readShort()));
        int toBytes = Short.toUnsignedInt(Short.reverseBytes(in.readShort()));
        long number = Long.reverseBytes(in.readLong());
        int dataBytes = Integer.reverseBytes(in.readInt());
        String path = text(in, pathBytes);
        String to = text(in, toBytes);
        byte[] data = in.readNBytes(dataBytes);
        calls.add(new Call(Kind.values()[kind], path, to, Math.toIntExact(number), data));
      }
    } catch (EOFException e) {
      return new DiskRecord(calls); // it is being written
    }
  }

  private static String text(DataInputStream in, int bytes) throws IOException {
    return new String(in.readNBytes(bytes), StandardCharsets.UTF_8);
  }

  /** A file or directory, whatever its name. */
  private static final class Node {
    private final boolean isDirectory;

    // Of a file:
    private byte[] durable = new byte[0];
    private int durableSize;
    private final List<Call> unsynced = new ArrayList<>();

    // Of a directory:
    private final Map<String, Node> names = new TreeMap<>();
    private final Map<String, Node> durableNames = new TreeMap<>();
    private final List<NameChange> unsyncedNames = new ArrayList<>();

    Node(boolean isDirectory) {
      this.isDirectory = isDirectory;
    }

    /** Applies a call to the durable state. */
    void apply(Call call) {
      switch (call.kind()) {
        case WRITE -> {
          put(call.data(), 0, call.data().length, call.number());
          durableSize = Math.max(durableSize, call.number() + call.data().length);
        }
        case TRUNCATE -> {
          int kept = Math.min(durableSize, call.number());
          Arrays.fill(durable, Math.min(kept, durable.length), durable.length, (byte) 0);
          durableSize = call.number();
        }
        default -> durableSize = Math.max(durableSize, call.number());
      }
    }

    private void put(byte[] data, int from, int bytes, int at) {
      if (durable.length < at + bytes) {
        durable = Arrays.copyOf(durable, Math.max(at + bytes, 2 * durable.length));
      }
      System.arraycopy(data, from, durable, at, bytes);
    }

    /** What a power failure may leave of a file. */
    byte[] leave(SplittableRandom random, double share) {
      Node left = new Node(false);
      left.durable = durable.clone();
      left.durableSize = durableSize;
      for (Call call : unsynced) {
        if (call.kind() != Kind.WRITE) {
          if (random.nextDouble() < share) {
            left.apply(call);
          }
          continue;
        }
        byte[] data = call.data();
        for (int from = 0; from < data.length; ) {
          int at = call.number() + from;
          int bytes = Math.min(data.length - from, SECTOR_BYTES - at % SECTOR_BYTES);
          if (random.nextDouble() < share) {
            left.put(data, from, bytes, at);
            left.durableSize = Math.max(left.durableSize, at + bytes);
          }
          from += bytes;
        }
      }
      return Arrays.copyOf(left.durable, left.durableSize);
    }
  }

  /** A change of names in one directory; what it names may be null: the name is gone. */
  private record NameChange(@Nullable String from, @Nullable String to, Node node) {
    void apply(Map<String, Node> names) {
      if (from != null && names.get(from) == node) {
        Node _ = names.remove(from);
      }
      if (to != null) {
        Node _ = names.put(to, node);
      }
    }
  }

  /** A disk to which calls are applied one after another. */
  public final class Disk {
    private final Node root = new Node(true);
    private int next;

    /** Applies calls up to one, exclusive; never goes back. */
    public void advance(int end) {
      for (; next < end; next++) {
        apply(calls.get(next));
      }
    }

    private Node directory(String path) {
      Node node = root;
      for (String name : path.split("/", -1)) {
        if (!name.isEmpty()) {
          node = java.util.Objects.requireNonNull(node.names.get(name), path);
        }
      }
      return node;
    }

    private Node parent(String path) {
      return directory(path.substring(0, path.lastIndexOf('/')));
    }

    private static String name(String path) {
      return path.substring(path.lastIndexOf('/') + 1);
    }

    private void apply(Call call) {
      String path = call.path();
      switch (call.kind()) {
        case CREATE, MAKE_DIRECTORY ->
            change(
                parent(path),
                new NameChange(null, name(path), new Node(call.kind() != Kind.CREATE)));
        case REMOVE, REMOVE_DIRECTORY -> {
          Node node = parent(path).names.get(name(path));
          if (node != null) { // a file still open that FUSE had hidden
            change(parent(path), new NameChange(name(path), null, node));
          }
        }
        case RENAME -> {
          Node node = java.util.Objects.requireNonNull(parent(path).names.get(name(path)), path);
          // A file that is removed while it is open: FUSE gives it another name until it is closed.
          boolean isHidden = name(call.to()).startsWith(".fuse_hidden");
          change(parent(path), new NameChange(name(path), isHidden ? null : name(call.to()), node));
        }
        case SYNC_DIRECTORY -> {
          Node node = directory(path);
          node.unsyncedNames.forEach(change -> change.apply(node.durableNames));
          node.unsyncedNames.clear();
        }
        default -> {
          Node node = parent(path).names.get(name(path));
          if (node != null) {
            change(node, call);
          }
        }
      }
    }

    private static void change(Node directory, NameChange change) {
      change.apply(directory.names);
      directory.unsyncedNames.add(change);
    }

    private static void change(Node file, Call call) {
      if (call.kind() == Kind.SYNC) {
        file.unsynced.forEach(file::apply);
        file.unsynced.clear();
        return;
      }
      file.unsynced.add(call);
    }

    /** Writes what a power failure now may leave into a directory, which is made. */
    public void cutPower(Path target, SplittableRandom random) throws IOException {
      double[] shares = {0, 0.1, 0.5, 0.9, 1};
      write(root, target, random, shares[random.nextInt(shares.length)], new HashMap<>());
    }

    private void write(
        Node directory,
        Path target,
        SplittableRandom random,
        double share,
        Map<Node, byte[]> contents)
        throws IOException {
      Files.createDirectory(target);
      Map<String, Node> names = new TreeMap<>(directory.durableNames);
      for (NameChange change : directory.unsyncedNames) {
        if (random.nextDouble() < share) {
          change.apply(names);
        }
      }
      // Of names and contents either may come first, and of files one long before another.
      int order = random.nextInt(3);
      double shareOfContents = order == 0 ? random.nextDouble() : share;
      for (Map.Entry<String, Node> entry : names.entrySet()) {
        Path path = target.resolve(entry.getKey());
        Node node = entry.getValue();
        if (node.isDirectory) {
          write(node, path, random, share, contents);
        } else {
          double its = order == 1 ? random.nextInt(2) : shareOfContents;
          byte[] left = contents.computeIfAbsent(node, file -> file.leave(random, its));
          Files.write(path, left);
        }
      }
    }
  }

  /** A disk on which nothing has changed yet. */
  public Disk newDisk() {
    return new Disk();
  }
}
