package dev.arbalest.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The ranks and habits of ARCHITECTURE.md, as tests. */
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
        .layer("ssd")
        .definedBy("dev.arbalest.ssd..")
        .layer("pq")
        .definedBy("dev.arbalest.pq..")
        .layer("vamana")
        .definedBy("dev.arbalest.vamana..")
        .layer("cache")
        .definedBy("dev.arbalest.cache..")
        .layer("natives")
        .definedBy("dev.arbalest.natives..")
        .whereLayer("cli")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("ssd")
        .mayOnlyBeAccessedByLayers("cli")
        .whereLayer("pq")
        .mayOnlyBeAccessedByLayers("ssd", "cli")
        .whereLayer("vamana")
        .mayOnlyBeAccessedByLayers("ssd", "cli")
        .whereLayer("cache")
        .mayOnlyBeAccessedByLayers("ssd", "cli")
        .check(PRODUCTION);
  }

  @Test
  void packagesFormNoCycles() {
    slices().matching("dev.arbalest.(*)..").should().beFreeOfCycles().check(PRODUCTION);
  }

  @Test
  void foreignCallsAndVectorsStayInNativeBindings() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.arbalest.natives..")
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
        .should()
        .haveModifier(com.tngtech.archunit.core.domain.JavaModifier.FINAL)
        .check(PRODUCTION);
  }
}
