// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.natives;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import com.google.errorprone.annotations.MustBeClosed;
import dev.arbalest.natives.uring.Uring;
import dev.arbalest.natives.uring.io_cqring_offsets;
import dev.arbalest.natives.uring.io_sqring_offsets;
import dev.arbalest.natives.uring.io_uring_cqe;
import dev.arbalest.natives.uring.io_uring_params;
import dev.arbalest.natives.uring.io_uring_sqe;
import dev.arbalest.natives.uring.iovec;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * An io_uring instance for batches of reads from one registered file into one registered buffer.
 *
 * <p>Usage: {@link #prepareRead} as many as fit, {@link #submitAndWait}, then {@link #reap} until
 * it returns 0. Liburing's prep and seen helpers are inline C, so submission entries and queue
 * heads are written here, over the rings' shared memory.
 *
 * <p>Not thread-safe, and by default bound to the thread that opened it: with SINGLE_ISSUER the
 * kernel refuses submissions of any other ({@link Sharing#ANY_THREAD} lifts that at some cost). The
 * registered buffer must outlive the ring; {@link #close} waits for reads in flight.
 */
public final class Ring implements AutoCloseable {
  private static final long MAX_BUFFER_BYTES = 1L << 30;
  private static final int MAX_REFUSALS = 100_000;
  private static final long REFUSAL_PAUSE_NANOS = 100_000;
  private static final VarHandle INT = JAVA_INT.varHandle();

  private final Arena arena = Arena.ofShared();
  private final int descriptor;
  private final int setupFlags;
  private final int entries;
  private final MemorySegment queues;
  private final MemorySegment submissions;
  private final long submissionTailOffset;
  private final int submissionMask;
  private final long completionHeadOffset;
  private final long completionTailOffset;
  private final long completionsOffset;
  private final int completionMask;

  private MemorySegment buffer = MemorySegment.NULL;
  private boolean bufferRegistered;
  private int file = -1;
  private int prepared;
  private int inFlight;
  private boolean closed;

  /** Which threads may use a ring. */
  public enum Sharing {
    /** Only the thread that opens it: the kernel skips locks and interrupts. */
    OWNER_THREAD,
    /** Any thread, one at a time. */
    ANY_THREAD
  }

  /**
   * Opens a ring for up to {@code entries} reads in flight.
   *
   * @param entries in [1, 4096]; rounded up to a power of two
   * @throws RingUnavailableException if this system offers no io_uring, naming the cause
   */
  @MustBeClosed
  public static Ring open(int entries, Sharing sharing) throws IOException {
    if (entries < 1 || entries > 4096) {
      throw new IllegalArgumentException("entries must be in [1, 4096]: " + entries);
    }
    @Nullable String missing = LIBRARY_FAILURE;
    if (missing != null) {
      throw new RingUnavailableException(missing, null);
    }
    int cooperative = Uring.IORING_SETUP_COOP_TASKRUN();
    int single = Uring.IORING_SETUP_SINGLE_ISSUER() | Uring.IORING_SETUP_DEFER_TASKRUN();
    // Newest first: 6.1 knows SINGLE_ISSUER with DEFER_TASKRUN, 5.19 COOP_TASKRUN, 5.1 neither.
    int[] attempts =
        sharing == Sharing.OWNER_THREAD
            ? new int[] {single, cooperative, 0}
            : new int[] {cooperative, 0};
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment parameters = io_uring_params.allocate(scratch);
      int result = 0;
      for (int flags : attempts) {
        parameters.fill((byte) 0);
        io_uring_params.flags(parameters, flags);
        result = Uring.io_uring_setup(entries, parameters);
        if (result != -Errno.EINVAL.number) {
          break;
        }
      }
      if (result < 0) {
        throw unavailable(-result);
      }
      return new Ring(result, parameters);
    }
  }

  private static final @Nullable String LIBRARY_FAILURE = probeLibrary();

  private static @Nullable String probeLibrary() {
    try {
      MemorySegment unused = Uring.io_uring_setup$address();
      return unused.address() == 0 ? "liburing.so.2 has no io_uring_setup" : null;
    } catch (LinkageError | RuntimeException e) {
      return "liburing.so.2 could not be loaded; install the Debian package liburing2";
    }
  }

  private static RingUnavailableException unavailable(int errno) {
    String remedy;
    if (errno == Errno.EPERM.number || errno == Errno.EACCES.number) {
      remedy =
          "io_uring is forbidden here: by sysctl kernel.io_uring_disabled or by the container's"
              + " seccomp profile";
    } else if (errno == Errno.ENOSYS.number) {
      remedy = "io_uring needs Linux 5.1 or newer and a seccomp profile that allows it";
    } else {
      remedy = "raise the locked-memory limit (ulimit -l) or lower the number of rings";
    }
    return new RingUnavailableException(
        "io_uring is refused", new SystemCallException("io_uring_setup", errno, remedy));
  }

  private Ring(int descriptor, MemorySegment parameters) throws IOException {
    this.descriptor = descriptor;
    this.setupFlags = io_uring_params.flags(parameters);
    this.entries = io_uring_params.sq_entries(parameters);
    MemorySegment submissionOffsets = io_uring_params.sq_off(parameters);
    MemorySegment completionOffsets = io_uring_params.cq_off(parameters);
    int completionEntries = io_uring_params.cq_entries(parameters);
    try {
      if ((io_uring_params.features(parameters) & Uring.IORING_FEAT_SINGLE_MMAP()) == 0) {
        throw new RingUnavailableException("io_uring of Linux 5.4 or newer is needed", null);
      }
      long arrayOffset = Integer.toUnsignedLong(io_sqring_offsets.array(submissionOffsets));
      completionsOffset = Integer.toUnsignedLong(io_cqring_offsets.cqes(completionOffsets));
      queues =
          map(
              Math.max(
                  arrayOffset + 4L * entries,
                  completionsOffset + io_uring_cqe.sizeof() * completionEntries),
              Uring.IORING_OFF_SQ_RING());
      submissions = map(io_uring_sqe.sizeof() * entries, Uring.IORING_OFF_SQES());
      submissionTailOffset = io_sqring_offsets.tail(submissionOffsets);
      submissionMask = queues.get(JAVA_INT, io_sqring_offsets.ring_mask(submissionOffsets));
      completionHeadOffset = io_cqring_offsets.head(completionOffsets);
      completionTailOffset = io_cqring_offsets.tail(completionOffsets);
      completionMask = queues.get(JAVA_INT, io_cqring_offsets.ring_mask(completionOffsets));
      for (int i = 0; i < entries; i++) {
        queues.set(JAVA_INT, arrayOffset + 4L * i, i); // entry i is always submitted as i
      }
    } catch (IOException | RuntimeException e) {
      arena.close();
      Libc.close(descriptor);
      throw e;
    }
  }

  @SuppressWarnings("restricted") // exactly the range the kernel maps for this ring
  private MemorySegment map(long bytes, long offset) throws IOException {
    long address =
        Libc.mmap(
            bytes,
            Libc.PROT_READ | Libc.PROT_WRITE,
            Libc.MAP_SHARED | Libc.MAP_POPULATE,
            descriptor,
            offset);
    if (address < 0) {
      throw new SystemCallException("mmap of the io_uring queues", (int) -address);
    }
    return MemorySegment.ofAddress(address)
        .reinterpret(bytes, arena, _ -> Libc.munmap(address, bytes));
  }

  /**
   * Registers the file all reads come from and the buffer they go to. Where locked memory does not
   * suffice for the buffer it is used unregistered, at some cost per read.
   *
   * @param buffer off-heap, at most 1 GiB, alive until the ring is closed
   */
  public void register(DirectFile source, MemorySegment buffer) throws IOException {
    if (!buffer.isNative() || buffer.byteSize() < 1 || buffer.byteSize() > MAX_BUFFER_BYTES) {
      throw new IllegalArgumentException(
          "the buffer must be off-heap and of 1 byte to 1 GiB: " + buffer.byteSize());
    }
    if (file >= 0) {
      throw new IllegalStateException("file and buffer are registered already");
    }
    try (Arena scratch = Arena.ofConfined()) {
      MemorySegment vector = iovec.allocate(scratch);
      iovec.iov_base(vector, buffer);
      iovec.iov_len(vector, buffer.byteSize());
      int result = Uring.io_uring_register(descriptor, Uring.IORING_REGISTER_BUFFERS(), vector, 1);
      if (result < 0 && result != -Errno.ENOMEM.number) {
        throw new SystemCallException("io_uring_register(buffers)", -result);
      }
      bufferRegistered = result == 0;
      MemorySegment descriptors = scratch.allocateFrom(JAVA_INT, source.descriptor());
      result = Uring.io_uring_register(descriptor, Uring.IORING_REGISTER_FILES(), descriptors, 1);
      if (result < 0) {
        throw new SystemCallException("io_uring_register(files)", -result);
      }
    }
    this.buffer = buffer;
    this.file = source.descriptor();
  }

  /** Reads that can be in flight at once. */
  public int capacity() {
    return entries;
  }

  /** Reads prepared or submitted whose completions have not been reaped. */
  public int inFlight() {
    return inFlight;
  }

  /** Setup flags the kernel accepted, for statistics: names joined by {@code |}. */
  public String mode() {
    if ((setupFlags & Uring.IORING_SETUP_DEFER_TASKRUN()) != 0) {
      return "SINGLE_ISSUER|DEFER_TASKRUN";
    }
    return (setupFlags & Uring.IORING_SETUP_COOP_TASKRUN()) != 0 ? "COOP_TASKRUN" : "DEFAULT";
  }

  /** Whether the buffer is registered with the kernel. */
  public boolean isBufferRegistered() {
    return bufferRegistered;
  }

  /**
   * Queues a read of the registered file without telling the kernel yet.
   *
   * @param bufferOffset where in the registered buffer the bytes go
   * @param userData returned with the completion
   * @throws IllegalStateException if {@link #capacity} reads are in flight
   */
  public void prepareRead(long bufferOffset, int length, long fileOffset, long userData) {
    java.util.Objects.checkFromIndexSize(bufferOffset, length, buffer.byteSize());
    if (inFlight >= entries) {
      throw new IllegalStateException("all " + entries + " entries are in flight");
    }
    int tail = (int) INT.get(queues, submissionTailOffset);
    long sqe = (tail & submissionMask) * io_uring_sqe.sizeof();
    for (long at = sqe; at < sqe + io_uring_sqe.sizeof(); at += 8) {
      submissions.set(JAVA_LONG, at, 0L); // a slice to fill would be an object per read
    }
    submissions.set(
        java.lang.foreign.ValueLayout.JAVA_BYTE,
        sqe + OPCODE,
        (byte) (bufferRegistered ? Uring.IORING_OP_READ_FIXED() : Uring.IORING_OP_READ()));
    submissions.set(
        java.lang.foreign.ValueLayout.JAVA_BYTE, sqe + FLAGS, (byte) Uring.IOSQE_FIXED_FILE());
    submissions.set(JAVA_LONG, sqe + FILE_OFFSET, fileOffset);
    submissions.set(JAVA_LONG, sqe + ADDRESS, buffer.address() + bufferOffset);
    submissions.set(JAVA_INT, sqe + LENGTH, length);
    submissions.set(JAVA_LONG, sqe + USER_DATA, userData);
    INT.setRelease(queues, submissionTailOffset, tail + 1);
    prepared++;
    inFlight++;
  }

  // struct io_uring_sqe: the members of its unions come out of jextract as anonymous groups
  private static final long OPCODE = 0;
  private static final long FLAGS = 1;
  private static final long FILE_OFFSET = 8;
  private static final long ADDRESS = 16;
  private static final long LENGTH = 24;
  private static final long USER_DATA = 32;

  /** Hands prepared reads to the kernel without waiting. */
  public void submit() throws IOException {
    enter(0);
  }

  /**
   * Hands prepared reads to the kernel and waits until at least {@code completions} can be reaped.
   *
   * @param completions in [0, {@link #inFlight}]
   */
  public void submitAndWait(int completions) throws IOException {
    if (completions < 0 || completions > inFlight) {
      throw new IllegalArgumentException(
          "completions must be in [0, " + inFlight + "]: " + completions);
    }
    enter(completions);
  }

  private void enter(int wait) throws IOException {
    int refusals = 0;
    while (prepared > 0 || available() < wait) {
      int flags = wait > 0 ? Uring.IORING_ENTER_GETEVENTS() : 0;
      int result = Uring.io_uring_enter(descriptor, prepared, wait, flags, MemorySegment.NULL);
      if (result >= 0) {
        prepared -= result;
      } else if (result == -Errno.EAGAIN.number || result == -Errno.EBUSY.number) {
        if (available() > 0) {
          return; // the kernel is out of requests until completions are taken
        }
        if (++refusals > MAX_REFUSALS) {
          throw new SystemCallException("io_uring_enter", -result, "the system is overloaded");
        }
        LockSupport.parkNanos(REFUSAL_PAUSE_NANOS);
      } else if (result != -Errno.EINTR.number) {
        throw new SystemCallException("io_uring_enter", -result);
      }
    }
  }

  private int available() {
    return (int) INT.getAcquire(queues, completionTailOffset)
        - (int) INT.get(queues, completionHeadOffset);
  }

  /**
   * Takes completions that have arrived, without waiting.
   *
   * @param userData receives what {@link #prepareRead} was given
   * @param results receives bytes read, or a negated error number ({@link #failure} explains it)
   * @return how many were taken, at most the shorter array's length
   */
  public int reap(long[] userData, int[] results) {
    int head = (int) INT.get(queues, completionHeadOffset);
    int count = Math.min(available(), Math.min(userData.length, results.length));
    for (int i = 0; i < count; i++) {
      long cqe = completionsOffset + ((head + i) & completionMask) * io_uring_cqe.sizeof();
      userData[i] = queues.get(JAVA_LONG, cqe);
      results[i] = queues.get(JAVA_INT, cqe + 8);
    }
    INT.setRelease(queues, completionHeadOffset, head + count);
    inFlight -= count;
    return count;
  }

  /** The exception for a negative result of {@link #reap}. */
  public static IOException failure(String read, int result) {
    return new SystemCallException(read, -result);
  }

  /** Waits for reads in flight, then frees the ring. */
  @Override
  public void close() throws IOException {
    if (closed) {
      return;
    }
    closed = true;
    IOException failure = null;
    try {
      long[] userData = new long[entries];
      int[] results = new int[entries];
      while (inFlight > 0) {
        enter(1);
        int _ = reap(userData, results);
      }
    } catch (IOException e) {
      failure = e;
    }
    arena.close();
    int result = Libc.close(descriptor);
    if (result < 0 && failure == null) {
      failure = new SystemCallException("close(io_uring)", -result);
    }
    if (failure != null) {
      throw failure;
    }
  }
}
