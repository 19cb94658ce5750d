package dev.arbalest.server;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleName;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** What ARCHITECTURE.md says of the server, as tests. */
class ServerArchitectureTest {
  private static final JavaClasses PRODUCTION =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.arbalest.server");

  @Test
  void theServerUsesTheEngineByItsFrontDoor() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "dev.arbalest.cli..",
            "dev.arbalest.cache..",
            "dev.arbalest.natives.uring..",
            "jdk.incubator.vector..")
        .orShould()
        .dependOnClassesThat(
            resideInAPackage("dev.arbalest.vamana..").and(not(simpleName("BuildParameters"))))
        .orShould()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.lang.foreign.Linker")
        .check(PRODUCTION);
  }

  @Test
  void protocolsDoNotKnowEachOther() {
    noClasses()
        .that()
        .haveSimpleNameStartingWith("Qdrant")
        .or()
        .haveSimpleName("HttpApi")
        .or()
        .haveSimpleName("IncomingRequest")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.apache.arrow..")
        .check(PRODUCTION);
    noClasses()
        .that()
        .haveSimpleNameStartingWith("Flight")
        .or()
        .haveSimpleNameStartingWith("Arrow")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.helidon..")
        .orShould()
        .dependOnClassesThat()
        .haveSimpleNameStartingWith("Qdrant")
        .orShould()
        .dependOnClassesThat()
        .haveSimpleName("HttpApi")
        .check(PRODUCTION);
  }

  @Test
  void onlyTheDatabaseKnowsItsDriver() {
    noClasses()
        .that()
        .haveNameNotMatching(".*\\.(SqliteDatabase|AttributeStore|FieldIndexes)(\\$.*)?")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("java.sql..", "org.sqlite..")
        .check(PRODUCTION);
  }
}
