// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.ssd.live;

import static org.assertj.core.api.Assertions.assertThat;

import dev.arbalest.natives.NativeMemory;
import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.lang.classfile.Instruction;
import java.lang.classfile.instruction.InvokeInstruction;
import java.lang.classfile.instruction.NewPrimitiveArrayInstruction;
import java.lang.classfile.instruction.NewReferenceArrayInstruction;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The life of an index with the i-th array or block of native memory that the product's own code
 * asks for refused with {@link OutOfMemoryError}, for i = 1, 2, 3 ... until a run meets none. The
 * classes of the product are loaded with a check before every such instruction; nothing in them is
 * made for it. {@code -Dstride=1} tries every one.
 */
class FailingMemoryTest {
  private static final int STRIDE = Integer.getInteger("stride", 61);

  @TempDir private Path directory;

  /** What the classes with checks call. */
  public static final class Allocations {
    private static final AtomicInteger LEFT = new AtomicInteger();
    private static volatile boolean failed;

    private Allocations() {}

    static void failAt(int number) {
      failed = false;
      LEFT.set(number);
    }

    /** Called before an allocation. */
    public static void check() {
      if (LEFT.get() > 0 && LEFT.decrementAndGet() == 0) {
        failed = true;
        throw new OutOfMemoryError("no memory for this, as the test wants it");
      }
    }
  }

  /** Loads the product's classes, with a check before every allocation, and the scenario. */
  private static final class Checked extends ClassLoader {
    private static final ClassDesc ALLOCATIONS = ClassDesc.of(Allocations.class.getName());
    private static final String TEST = FailingMemoryTest.class.getName();

    Checked() {
      super(FailingMemoryTest.class.getClassLoader());
    }

    @Override
    protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
      if (!name.startsWith("dev.arbalest.") || name.startsWith(TEST)) {
        return super.loadClass(name, resolve);
      }
      synchronized (getClassLoadingLock(name)) {
        Class<?> present = findLoadedClass(name);
        return present != null ? present : define(name);
      }
    }

    private Class<?> define(String name) throws ClassNotFoundException {
      String file = name.replace('.', '/') + ".class";
      try (InputStream in = getParent().getResourceAsStream(file)) {
        if (in == null) {
          throw new ClassNotFoundException(name);
        }
        byte[] bytes = in.readAllBytes();
        boolean isChecked = !name.matches(".*(\\.testing\\.|FailureScenario|TestIndexes).*");
        byte[] defined = isChecked ? withChecks(bytes) : bytes;
        return defineClass(name, defined, 0, defined.length);
      } catch (IOException e) {
        throw new ClassNotFoundException(name, e);
      }
    }

    private static byte[] withChecks(byte[] bytes) {
      ClassFile classes = ClassFile.of();
      CodeTransform checks =
          (code, element) -> {
            if (element instanceof Instruction instruction && isAllocation(instruction)) {
              code.invokestatic(ALLOCATIONS, "check", MethodTypeDesc.of(ConstantDescs.CD_void));
            }
            code.with(element);
          };
      return classes.transformClass(
          classes.parse(bytes), ClassTransform.transformingMethodBodies(checks));
    }

    private static boolean isAllocation(Instruction instruction) {
      return switch (instruction) {
        case NewPrimitiveArrayInstruction _, NewReferenceArrayInstruction _ -> true;
        case InvokeInstruction call ->
            (call.owner().asInternalName().equals("java/util/Arrays")
                    && call.name().equalsString("copyOf"))
                || (call.owner()
                        .asInternalName()
                        .equals(NativeMemory.class.getName().replace('.', '/'))
                    && call.name().equalsString("allocate"));
        default -> false;
      };
    }
  }

  @Test
  void whatWasAcknowledgedSurvivesRefusedMemory() throws Exception {
    Checked loader = new Checked();
    Class<?> scenario = loader.loadClass(FailureScenario.class.getName());
    Method run = scenario.getDeclaredMethod("run");
    Method assertHolds = scenario.getDeclaredMethod("assertHolds");
    Method failure = scenario.getDeclaredMethod("failure");
    var constructor = scenario.getDeclaredConstructor(Path.class, boolean.class);
    for (Method method : new Method[] {run, assertHolds, failure}) {
      method.setAccessible(true);
    }
    constructor.setAccessible(true);
    // What fails while a class is initialized fails for ever: one run before the others.
    Object first = constructor.newInstance(directory.resolve("first"), false);
    invoke(run, first, 0);
    invoke(assertHolds, first, 0);
    int injected = 0;
    int told = 0;
    for (int number = 1; ; number += STRIDE) {
      Path path = directory.resolve("index");
      Object life = constructor.newInstance(path, number % 2 == 0);
      Allocations.failAt(number);
      invoke(run, life, number);
      boolean wasInjected = Allocations.failed;
      Allocations.failAt(0);
      invoke(assertHolds, life, number);
      Object failed = failure.invoke(life);
      delete(path);
      if (!wasInjected) {
        assertThat(failed).as("allocation %d", number).isNull();
        break;
      }
      injected++;
      told += failed == null ? 0 : 1;
    }
    System.out.printf(
        "memory refused %d times, each in a run of its own, %d of them told, all held%n",
        injected, told);
    assertThat(injected).isPositive();
  }

  private static void invoke(Method method, Object life, int number) throws Exception {
    try {
      Object _ = method.invoke(life);
    } catch (InvocationTargetException e) {
      throw new AssertionError("allocation " + number + ": " + e.getCause(), e.getCause());
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }
}
