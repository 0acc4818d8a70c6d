#!/usr/bin/env bash
# Installs what building and testing needs and is missing (Debian 12), configures and builds into build/.
# Sourced by ./quickstart and ./check; needs root or sudo only if something is missing.
set -euo pipefail

packages=(
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools clang-22 lld-22 liblld-22-dev
  clang-tidy-22 clang-format-22 libclang-rt-22-dev
  libflatbuffers-dev flatbuffers-compiler libgtest-dev libgmock-dev nlohmann-json3-dev libcli11-dev
  libxxhash-dev zlib1g-dev libzstd-dev libpcre2-dev libutf8proc-dev ccache ninja-build cmake pkg-config python3 python3-dev python3-venv python3-jinja2 python3-numpy python3-yaml
)

install_missing() {
  local missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "setup: ${missing[*]} are missing; run as root, or install sudo" >&2; exit 1; }
    sudo=(sudo)
  fi
  echo "installing ${#missing[@]} packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build [preset] [target...]
build() {
  local preset=${1:-release}
  shift || true
  cmake --preset "$preset" -Wno-dev >"/tmp/hamlet-configure.$$" 2>&1 || { cat "/tmp/hamlet-configure.$$" >&2; exit 1; }
  rm -f "/tmp/hamlet-configure.$$"
  cmake --build --preset "$preset" -- "$@"
}
