# shellcheck shell=bash
# The Debian 12 packages of the project, and how quickstart.sh and test.sh install
# them. To be sourced; it defines functions and does nothing by itself.

# The packages of one group, one a line.
debian_packages() {
  case $1 in
    build)
      printf '%s\n' g++ cmake ninja-build pkg-config ccache libzmq3-dev cppzmq-dev nlohmann-json3-dev \
        libyaml-cpp-dev libspdlog-dev libfmt-dev libcli11-dev prometheus-cpp-dev libcivetweb-dev libedit-dev libseccomp-dev \
        libssl-dev libutf8proc-dev libarchive-dev bubblewrap python3
      ;;
    test) printf '%s\n' libgtest-dev libgmock-dev libbenchmark-dev python3-zmq ;;
    # Tests that need these skip without them.
    optional) printf '%s\n' prometheus nodejs ;;
    lint) printf '%s\n' clang-format clang-tidy shellcheck ;;
    *)
      echo "debian_packages: no group named '$1'" >&2
      return 1
      ;;
  esac
}

# Those of the given groups that are not installed.
missing_debian_packages() {
  local group package
  for group in "$@"; do
    for package in $(debian_packages "$group"); do
      [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
    done
  done
}

# Runs a command as root: directly, or through sudo.
as_root() {
  if [[ $EUID -eq 0 ]]; then
    env DEBIAN_FRONTEND=noninteractive "$@"
  else
    sudo env DEBIAN_FRONTEND=noninteractive "$@"
  fi
}

# Installs what is missing of the given groups, without asking, and says so.
install_debian_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "This is not Debian: nothing is installed for you. What is needed is in cmake/debian-packages.sh." >&2
    return 0
  fi
  local -a missing
  mapfile -t missing < <(missing_debian_packages "$@")
  if [[ ${#missing[@]} -eq 0 ]]; then
    return 0
  fi
  if [[ $EUID -ne 0 ]] && ! command -v sudo >/dev/null; then
    {
      echo "These packages are missing, and installing them needs root or sudo:"
      echo "  apt-get install ${missing[*]}"
    } >&2
    return 1
  fi
  echo "Installing ${missing[*]}"
  as_root apt-get update -qq </dev/null &&
    as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}
