# Shared by the scripts beside it: finds JDK, Maven and liburing, and builds what is stale.
# POSIX sh; sourced with $root set to the repository.

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The major version of a JDK's release file, or 0.
jdk_major() {
  sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null | head -n 1 | grep . || echo 0
}

# Sets and exports JAVA_HOME: a JDK of version 25 or newer, JAVA_HOME itself first.
find_jdk() {
  for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/* /opt/jdk* "$HOME"/.sdkman/candidates/java/* \
      /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    if [ -n "$candidate" ] && [ -x "$candidate/bin/javac" ] && [ "$(jdk_major "$candidate")" -ge 25 ]; then
      JAVA_HOME=$candidate
      export JAVA_HOME
      return 0
    fi
  done
  die "No JDK 25 or newer found in JAVA_HOME or the usual folders (default java: $(command -v java || echo none)).
Install one, for example Debian's openjdk-25-jdk or Temurin's temurin-25-jdk, and set JAVA_HOME to it."
}

has_liburing() {
  { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | grep -q 'liburing\.so\.2'
}

# Installs Debian packages when root and apt are there; otherwise says what to install.
install_packages() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing $*"
    { apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1 ||
      { apt-get update >/dev/null 2>&1 && apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1; }
    } && return 0
  fi
  return 1
}

# Without liburing everything works, but vectors are read with pread: slower, so only a notice.
ensure_liburing() {
  has_liburing && return 0
  install_packages liburing2 && return 0
  say "liburing.so.2 is missing; reads will not use io_uring. Install it with: sudo apt-get install liburing2"
}

ensure_maven() {
  command -v mvn >/dev/null 2>&1 && return 0
  install_packages maven && return 0
  die "Maven is missing. Install it with: sudo apt-get install maven"
}

maven() {
  (cd "$root" && mvn -B -ntp -q "$@")
}

# Builds the command line unless nothing that goes into it has changed since the last build.
build_if_stale() {
  stamp=$root/cli/target/.built
  if [ -f "$stamp" ] && [ -z "$(find "$root/pom.xml" "$root/.mvn" \
      "$root"/native-bindings/pom.xml "$root"/native-bindings/src/main "$root"/native-bindings/src/generated \
      "$root"/pq/pom.xml "$root"/pq/src/main "$root"/vamana/pom.xml "$root"/vamana/src/main \
      "$root"/cache/pom.xml "$root"/cache/src/main "$root"/ssd/pom.xml "$root"/ssd/src/main \
      "$root"/cli/pom.xml "$root"/cli/src/main -newer "$stamp" -print 2>/dev/null | head -n 1)" ]; then
    return 0
  fi
  ensure_maven
  say "building Arbalest"
  mkdir -p "$root/cli/target"
  touch "$root/cli/target/.building"
  rm -rf "$root/cli/target/modules"
  maven -pl cli -am -DskipTests -Dspotless.check.skip -Djacoco.skip package >&2 ||
    die "the build failed; see the messages above"
  mv "$root/cli/target/.building" "$stamp"
}
