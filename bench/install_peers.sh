#!/usr/bin/env bash
# Installs the peers that bench/run measures beside Hamlet, where it looks for them.
#   bench/install_peers.sh [--llama] [DIR]     DIR: build/peers; another one: bench/run --peers-dir DIR
# torch and transformers come from PyPI into DIR/venv (5 GB). --llama adds llama.cpp: the source
# package of llama-cpp-python from PyPI, of which llama-bench and llama-batched-bench are built.
# What is there already is left as it is.
set -euo pipefail
llama_version=0.3.36
root=$(cd "$(dirname "$0")/.." && pwd)

llama=no dir=
for argument; do
  case "$argument" in
    --llama) llama=yes ;;
    -*) sed -n 2,6p "$0" >&2; exit 2 ;;
    *) [ -z "$dir" ] || { sed -n 2,6p "$0" >&2; exit 2; }; dir=$argument ;;
  esac
done
dir=${dir:-$root/build/peers}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)

versions='import torch, transformers; print("torch", torch.__version__, "transformers", transformers.__version__)'
if ! "$dir/venv/bin/python" -c "$versions" 2>/dev/null; then
  python3 -m venv "$dir/venv"
  # pyyaml and tqdm are what llama.cpp's converter needs beside torch and transformers.
  "$dir/venv/bin/pip" install --quiet torch transformers safetensors numpy pyyaml tqdm
  "$dir/venv/bin/python" -c "$versions"
fi

if [ $llama = yes ]; then
  here=$dir/llama
  if [ ! -d "$here/source" ]; then
    mkdir -p "$here/download" "$here/source.partial"
    "$dir/venv/bin/pip" download --quiet --no-deps --no-binary llama-cpp-python -d "$here/download" "llama-cpp-python==$llama_version"
    tar xf "$here/download/llama_cpp_python-$llama_version.tar.gz" -C "$here/source.partial" --strip-components=1
    mv "$here/source.partial" "$here/source"
  fi
  if [ ! -x "$here/build/bin/llama-batched-bench" ]; then
    cmake -S "$here/source/vendor/llama.cpp" -B "$here/build" -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
      -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_UI=OFF
    cmake --build "$here/build" -j "$(nproc)" --target llama-bench llama-batched-bench
  fi
  echo "llama.cpp of llama-cpp-python $llama_version in $here/build/bin"
fi
