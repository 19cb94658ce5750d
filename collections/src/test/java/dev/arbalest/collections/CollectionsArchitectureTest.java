// SPDX-License-Identifier: Apache-2.0
package dev.arbalest.collections;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleName;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** What ARCHITECTURE.md says of collections, as tests. */
class CollectionsArchitectureTest {
  private static final JavaClasses PRODUCTION =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.arbalest.collections");

  @Test
  void packagesDependDownwardsOnly() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("query")
        .definedBy("dev.arbalest.collections.query")
        .layer("collections")
        .definedBy("dev.arbalest.collections")
        .layer("columns")
        .definedBy("dev.arbalest.collections.columns")
        .layer("sparse")
        .definedBy("dev.arbalest.collections.sparse")
        .layer("attributes")
        .definedBy("dev.arbalest.collections.attributes")
        .layer("filter")
        .definedBy("dev.arbalest.collections.filter")
        .layer("model")
        .definedBy("dev.arbalest.collections.model")
        .whereLayer("query")
        .mayNotBeAccessedByAnyLayer()
        .whereLayer("collections")
        .mayOnlyBeAccessedByLayers("query")
        .whereLayer("columns")
        .mayOnlyBeAccessedByLayers("collections")
        .whereLayer("sparse")
        .mayOnlyBeAccessedByLayers("collections")
        .whereLayer("attributes")
        .mayOnlyBeAccessedByLayers("collections", "columns")
        .whereLayer("filter")
        .mayOnlyBeAccessedByLayers("query", "collections", "columns", "attributes")
        .check(PRODUCTION);
  }

  @Test
  void collectionsUseThePublicApiOfTheEngine() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "dev.arbalest.server..",
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
  void collectionsKnowNoNetwork() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "java.net..", "java.nio.channels.spi..", "io..", "com.google.protobuf..")
        .check(PRODUCTION);
  }

  @Test
  void onlyTheAttributesKnowSql() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.arbalest.collections.attributes")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("java.sql..", "org.sqlite..")
        .check(PRODUCTION);
  }
}
