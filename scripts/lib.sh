# Shared by the scripts beside it: finds JDK, Maven and liburing, and builds what is stale.
# POSIX sh; sourced with $root set to the repository.

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The JVM names files in the locale's encoding; in plain ASCII it cannot name most of them. What
# counts is the locale in force: LC_CTYPE=UTF-8, as a Mac sends it, names none here.
case "$(locale charmap 2>/dev/null)" in
  '' | *ASCII* | ANSI_X3.4*) LC_ALL=C.UTF-8; export LC_ALL ;;
esac

# The major version of a JDK's release file, or 0.
jdk_major() {
  major=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null | head -n 1)
  echo "${major:-0}"
}

# Sets and exports JAVA_HOME: a JDK of version 25 or newer, JAVA_HOME itself first.
find_jdk() {
  for candidate in "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/* /opt/jdk* \
      "${HOME:-}"/.sdkman/candidates/java/* /Library/Java/JavaVirtualMachines/*/Contents/Home; do
    if [ -n "$candidate" ] && [ -x "$candidate/bin/javac" ] && [ "$(jdk_major "$candidate")" -ge 25 ]; then
      JAVA_HOME=$candidate
      export JAVA_HOME
      return 0
    fi
  done
  die "No JDK 25 or newer found in JAVA_HOME or the usual folders (default java: $(command -v java || echo none)).
Install one, for example Temurin's temurin-25-jdk or a distribution's openjdk-25-jdk, and set JAVA_HOME to it."
}

# Installs Debian packages if root; otherwise fails, and the caller says what to install.
install_packages() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
  say "installing $*"
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  apt-get install -y --no-install-recommends "$@" </dev/null >/dev/null 2>&1 && return 0
  apt-get update </dev/null >/dev/null 2>&1
  apt-get install -y --no-install-recommends "$@" </dev/null >/dev/null 2>&1
}

# Without liburing everything works, but vectors are read with pread: slower, so only a notice.
ensure_liburing() {
  case "$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null)" in
    *liburing.so.2*) return 0 ;;
  esac
  install_packages liburing2 && return 0
  say "liburing.so.2 is missing; reads will not use io_uring. Install it with: sudo apt-get install liburing2"
}

# The tests of failing disks mount a file system of their own; without these they are skipped.
ensure_fuse() {
  command -v gcc >/dev/null 2>&1 && pkg-config --exists fuse3 2>/dev/null && return 0
  install_packages gcc libc6-dev pkg-config libfuse3-dev fuse3 && return 0
  say "tests of failing disks will be skipped; they need: sudo apt-get install gcc libc6-dev pkg-config libfuse3-dev fuse3"
}

# The server is tested with Qdrant's own client, a real Prometheus and a real browser; without them
# those tests are skipped.
ensure_server_tests() {
  command -v openssl >/dev/null 2>&1 || install_packages openssl ||
    say "tests of encrypted connections will fail; they need: sudo apt-get install openssl"
  command -v prometheus >/dev/null 2>&1 || install_packages prometheus ||
    say "tests of monitoring will be skipped; they need: sudo apt-get install prometheus"
  command -v chromium >/dev/null 2>&1 || install_packages chromium ||
    say "the test of the status page will be skipped; it needs: sudo apt-get install chromium"
  modules=$root/server/target/qdrant-client
  grep -q '"version": "1.19.0"' "$modules/node_modules/@qdrant/js-client-rest/package.json" \
    2>/dev/null && return 0
  command -v npm >/dev/null 2>&1 || install_packages nodejs npm || true
  mkdir -p "$modules"
  npm install --no-audit --no-fund --no-package-lock --prefix "$modules" \
    @qdrant/js-client-rest@1.19.0 </dev/null >/dev/null 2>&1 ||
    say "the test with Qdrant's client will be skipped; it needs Node.js and npm"
}

ensure_maven() {
  command -v mvn >/dev/null 2>&1 && return 0
  install_packages maven && return 0
  die "Maven is missing. Install it with: sudo apt-get install maven"
}

maven() {
  (cd "$root" && mvn -B -ntp -q "$@")
}

is_fresh() {
  [ -f "$stamp" ] && [ -z "$(find "$root/pom.xml" "$root/.mvn" \
    "$root"/native-bindings/pom.xml "$root"/native-bindings/src/main "$root"/native-bindings/src/generated \
    "$root"/pq/pom.xml "$root"/pq/src/main "$root"/vamana/pom.xml "$root"/vamana/src/main \
    "$root"/cache/pom.xml "$root"/cache/src/main "$root"/ssd/pom.xml "$root"/ssd/src/main \
    "$root"/collections/pom.xml "$root"/collections/src/main \
    "$root"/server/pom.xml "$root"/server/src/main \
    "$root"/cli/pom.xml "$root"/cli/src/main -newer "$stamp" -print 2>/dev/null | head -n 1)" ]
}

# Puts jars into a folder of $launch: the first argument, then the jars.
replace_modules() {
  folder=$launch/$1
  shift
  rm -rf "$folder.new" "$folder.old"
  mkdir "$folder.new"
  cp "$@" "$folder.new"
  [ ! -d "$folder" ] || mv "$folder" "$folder.old"
  mv "$folder.new" "$folder"
}

# Builds the command line into target/arbalest/modules, the server into server-modules beside it unless nothing that goes into it has changed.
# One build at a time: a second start waits for the first and then finds nothing to do.
build_if_stale() {
  launch=$root/target/arbalest
  stamp=$launch/built
  is_fresh && return 0
  mkdir -p "$launch"
  exec 9>"$launch/lock"
  if command -v flock >/dev/null 2>&1; then
    flock 9
    is_fresh && { exec 9>&-; return 0; }
  fi
  ensure_maven
  ensure_liburing
  say "building Arbalest"
  touch "$launch/building"
  rm -f "$stamp" "$root"/*/target/*.jar
  rm -rf "$root/cli/target/modules" "$root/server/target/modules"
  maven -pl cli,server -am -DskipTests -Dspotless.check.skip -Djacoco.skip package >&2 9>&- ||
    die "the build failed; see the messages above"
  # Running commands have the old modules open: put the new ones in place by renaming.
  replace_modules modules "$root"/cli/target/modules/*.jar "$root"/cli/target/arbalest-cli-*.jar
  replace_modules server-modules "$root"/server/target/modules/*.jar "$root"/server/target/arbalest-server-*.jar
  mv "$launch/building" "$stamp"
  exec 9>&-
}

# Publishes all artifacts into target/published, unless nothing has changed since.
publish_if_stale() {
  published=$root/target/published
  [ -f "$published/.stamp" ] && [ -z "$(find "$root"/pom.xml "$root"/*/pom.xml "$root"/*/src/main \
    -newer "$published/.stamp" -print 2>/dev/null | head -n 1)" ] && return 0
  rm -rf "$published"
  mkdir -p "$published"
  touch "$published/.building"
  say "publishing into $published"
  maven -Prelease deploy -DaltDeploymentRepository=local::"file:$published" -Dspotless.check.skip \
    -Djacoco.skip >&2 || die "the build failed; see the messages above"
  mv "$published/.building" "$published/.stamp"
}
