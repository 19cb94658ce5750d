// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.server;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleName;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

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
  void packagesDependDownwardsOnly() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("process")
        .definedBy("dev.arbalest.server")
        .layer("http")
        .definedBy("dev.arbalest.server.http")
        .layer("qdrant")
        .definedBy("dev.arbalest.server.qdrant")
        .layer("grpc")
        .definedBy("dev.arbalest.server.grpc")
        .layer("flight")
        .definedBy("dev.arbalest.server.flight")
        .layer("metrics")
        .definedBy("dev.arbalest.server.metrics")
        .layer("access")
        .definedBy("dev.arbalest.server.access")
        .layer("model")
        .definedBy("dev.arbalest.server.model")
        .whereLayer("process")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("http")
        .mayOnlyBeAccessedByLayers("process")
        .whereLayer("grpc")
        .mayOnlyBeAccessedByLayers("process")
        .whereLayer("flight")
        .mayOnlyBeAccessedByLayers("process")
        .whereLayer("qdrant")
        .mayOnlyBeAccessedByLayers("process", "http", "grpc")
        .whereLayer("metrics")
        .mayOnlyBeAccessedByLayers("process", "http", "grpc", "qdrant", "flight")
        .whereLayer("access")
        .mayOnlyBeAccessedByLayers("process", "http", "grpc", "qdrant", "flight")
        .check(PRODUCTION);
  }

  @Test
  void theServerUsesThePublicApiOfTheEngine() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "dev.arbalest.cli..",
            "dev.arbalest.cache..",
            "dev.arbalest.ssd..",
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
  void protocolsKeepToTheirLibraries() {
    noClasses()
        .that()
        .resideOutsideOfPackages("dev.arbalest.server.flight", "dev.arbalest.server")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("org.apache.arrow..")
        .check(PRODUCTION);
    noClasses()
        .that()
        .resideOutsideOfPackages("dev.arbalest.server.http", "dev.arbalest.server")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.helidon..")
        .check(PRODUCTION);
    noClasses()
        .that()
        .resideOutsideOfPackages("dev.arbalest.server.grpc", "dev.arbalest.server")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.qdrant..", "com.google.protobuf..")
        .check(PRODUCTION);
  }

  @Test
  void theServerKnowsNoSql() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "java.sql..",
            "org.sqlite..",
            "dev.arbalest.collections.attributes..",
            "dev.arbalest.collections.columns..")
        .check(PRODUCTION);
  }
}
