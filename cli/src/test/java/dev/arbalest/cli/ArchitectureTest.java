// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import org.junit.jupiter.api.Test;

/** Ranks and rules of ARCHITECTURE.md, as tests. */
class ArchitectureTest {
  private static final JavaClasses PRODUCTION =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .withImportOption(location -> !location.contains("-tests.jar"))
          .importPackages("dev.arbalest");

  @Test
  void modulesDependDownwardsOnly() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("cli")
        .definedBy("dev.arbalest.cli..")
        .layer("engine")
        .definedBy("dev.arbalest", "dev.arbalest.ssd..")
        .layer("pq")
        .definedBy("dev.arbalest.pq..")
        .layer("vamana")
        .definedBy("dev.arbalest.vamana..")
        .layer("cache")
        .definedBy("dev.arbalest.cache..")
        .layer("natives")
        .definedBy("dev.arbalest.natives..", "dev.arbalest.vector")
        .whereLayer("cli")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("engine")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("pq")
        .mayOnlyBeAccessedByLayers("engine", "cli")
        .whereLayer("vamana")
        .mayOnlyBeAccessedByLayers("engine", "cli")
        .whereLayer("cache")
        .mayOnlyBeAccessedByLayers("engine", "cli")
        .check(PRODUCTION);
  }

  /** The packages of the engine in their ranks; see the package-info of each. */
  @Test
  void packagesOfTheEngineDependDownwardsOnly() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("doors")
        .definedBy("dev.arbalest")
        .layer("live")
        .definedBy("dev.arbalest.ssd.live")
        .layer("search")
        .definedBy("dev.arbalest.ssd.search")
        .layer("build")
        .definedBy("dev.arbalest.ssd.build")
        .layer("trial")
        .definedBy("dev.arbalest.ssd.trial")
        .layer("store")
        .definedBy("dev.arbalest.ssd.store")
        .layer("log")
        .definedBy("dev.arbalest.ssd.log")
        .layer("read")
        .definedBy("dev.arbalest.ssd.read")
        .layer("input")
        .definedBy("dev.arbalest.ssd.input")
        .layer("format")
        .definedBy("dev.arbalest.ssd.format")
        .whereLayer("live")
        .mayOnlyBeAccessedByLayers("doors")
        .whereLayer("search")
        .mayOnlyBeAccessedByLayers("doors", "live")
        .whereLayer("build")
        .mayOnlyBeAccessedByLayers("doors", "live")
        .whereLayer("trial")
        .mayOnlyBeAccessedByLayers("doors")
        .whereLayer("store")
        .mayOnlyBeAccessedByLayers("doors", "live", "search", "build", "trial")
        .whereLayer("input")
        .mayOnlyBeAccessedByLayers("doors", "build")
        .whereLayer("log")
        .mayOnlyBeAccessedByLayers("doors", "live", "build", "trial", "store")
        .whereLayer("read")
        .mayOnlyBeAccessedByLayers("doors", "live", "search", "build", "trial", "store")
        .check(PRODUCTION);
  }

  /** What lies below the doors never calls them. */
  @Test
  void internalsDoNotKnowTheDoors() {
    noClasses()
        .that()
        .resideInAPackage("dev.arbalest.ssd..")
        .should()
        .dependOnClassesThat()
        .haveNameMatching(
            "dev\\.arbalest\\.(Index|LiveIndex|Tuner|IndexVerifier|IndexRepair)(\\$.*)?")
        .check(PRODUCTION);
  }

  @Test
  void packagesOfTheCommandLineFormNoCycles() {
    slices().matching("dev.arbalest.cli.(*)..").should().beFreeOfCycles().check(PRODUCTION);
    noClasses()
        .that()
        .resideInAnyPackage(
            "dev.arbalest.cli.codes", "dev.arbalest.cli.formats", "dev.arbalest.cli.generate")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.arbalest.cli")
        .check(PRODUCTION);
  }

  /** Of files, except where one idea is a sealed family or a command names its parts. */
  @Test
  void filesFormNoCircles() {
    slices().assignedFrom(new Files()).should().beFreeOfCycles().check(PRODUCTION);
  }

  private static final class Files implements SliceAssignment {
    @Override
    public SliceIdentifier getIdentifierOf(JavaClass type) {
      JavaClass top = type;
      while (top.getEnclosingClass().isPresent()) {
        top = top.getEnclosingClass().get();
      }
      String name = top.getName();
      boolean isFamily =
          name.startsWith("dev.arbalest.pq.")
              || name.matches("dev\\.arbalest\\.ssd\\.read\\.(Slot|Uring|Pread|Mmap)Readers?")
              || name.matches("dev\\.arbalest\\.(Index|LiveIndex)")
              || name.startsWith("dev.arbalest.natives.uring.");
      return isFamily ? SliceIdentifier.ignore() : SliceIdentifier.of(name);
    }

    @Override
    public String getDescription() {
      return "every file";
    }
  }

  @Test
  void foreignCallsAndVectorsStayInNativeBindings() {
    noClasses()
        .that()
        .resideOutsideOfPackages("dev.arbalest.natives..", "dev.arbalest.vector")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("jdk.incubator.vector..")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.foreign.Linker")
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.foreign.SymbolLookup")
        .check(PRODUCTION);
  }

  @Test
  void generatedBindingsAreUsedByTheRingAlone() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.arbalest.natives.uring..")
        .and()
        .doNotHaveSimpleName("Ring")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("dev.arbalest.natives.uring..")
        .check(PRODUCTION);
  }

  @Test
  void publicTypesAreFinalSealedOrRecords() {
    classes()
        .that()
        .arePublic()
        .and()
        .areTopLevelClasses()
        .and()
        .areNotInterfaces()
        .and()
        .resideOutsideOfPackage("dev.arbalest.natives.uring..")
        .and()
        .doNotHaveFullyQualifiedName("dev.arbalest.Index") // sealed: LiveIndex alone extends it
        .should()
        .haveModifier(JavaModifier.FINAL)
        .check(PRODUCTION);
  }

  /** An application sees few types, which all lie in one package. */
  @Test
  void thePublicApiIsSmall() {
    long types =
        PRODUCTION.stream()
            .filter(type -> type.getPackageName().equals("dev.arbalest"))
            .filter(
                type -> type.isTopLevelClass() && type.getModifiers().contains(JavaModifier.PUBLIC))
            .count();
    assertThat(types).isBetween(20L, 30L);
  }
}
