#!/usr/bin/env bash
# Installs what is missing, builds, and runs the tests. ./test.sh --help says more.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
source cmake/debian-packages.sh

usage() {
  cat <<'END'
Usage: ./test.sh [OPTIONS]

Installs the Debian packages that are missing (as root or through sudo, without
asking), builds a preset and runs its tests with ctest.

  --preset NAME   dev (default), asan, tsan or release
  --label LABEL   only tests with this label: unit, component, system, golden,
                  fuzz-replay, bench, skills, slow
  --optional      also install what some tests skip without (Prometheus)
  --lint          no tests; check format (clang-format), code (clang-tidy) and
                  shell scripts (shellcheck)
  --help          this text

The exit status is 0 when everything passed, 2 for wrong usage, else that of the
step that failed.
END
}

say() { printf '\n==> %s\n' "$*"; }

preset=dev
label=
lint=false
groups=(build test)
while [[ $# -gt 0 ]]; do
  case $1 in
    --preset | --label)
      if [[ $# -lt 2 ]]; then
        echo "test.sh: $1 needs a value (see --help)" >&2
        exit 2
      fi
      if [[ $1 == --preset ]]; then preset=$2; else label=$2; fi
      shift
      ;;
    --optional) groups+=(optional) ;;
    --lint)
      lint=true
      groups+=(lint)
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      echo "test.sh: unknown option '$1' (see --help)" >&2
      exit 2
      ;;
  esac
  shift
done
case $preset in
  dev | asan | tsan | release) ;;
  *)
    echo "test.sh: no preset '$preset'; there are dev, asan, tsan and release" >&2
    exit 2
    ;;
esac

configure() {
  say "Configuring preset $1 in build/$1"
  cmake --preset "$1" -DSKILLSCALE_TESTS=ON </dev/null >/dev/null
}

run_lint() {
  local -a sources scripts
  mapfile -t sources < <(git ls-files --cached --others --exclude-standard '*.cpp' '*.h')
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard '*.sh' .ci/run)
  say "Checking the format of ${#sources[@]} C++ files"
  clang-format --dry-run -Werror "${sources[@]}"
  say "Checking ${#scripts[@]} shell scripts"
  shellcheck --external-sources "${scripts[@]}"
  configure lint
  say "Checking the code with clang-tidy (this takes minutes)"
  cmake --build --preset lint -- -k 0 </dev/null
  say "Nothing to complain about"
}

run_tests() {
  configure "$preset"
  say "Building"
  cmake --build --preset "$preset" </dev/null
  say "Running the tests"
  local -a selection=()
  if [[ -n $label ]]; then
    selection=(-L "^$label\$" --no-tests=error)
  fi
  ctest --preset "$preset" -j2 "${selection[@]}" </dev/null
}

say "Looking for missing packages"
install_debian_packages "${groups[@]}"
if $lint; then run_lint; else run_tests; fi
