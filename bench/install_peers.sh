#!/usr/bin/env bash
# Makes a Python environment with the peers that bench/run measures beside Hamlet.
#   bench/install_peers.sh DIR     then: bench/run --peers torch --peer-python DIR/bin/python
set -euo pipefail
[ $# -eq 1 ] || { sed -n 2,3p "$0" >&2; exit 2; }
python3 -m venv "$1"
"$1/bin/pip" install --quiet torch transformers safetensors numpy
"$1/bin/python" -c 'import torch, transformers; print("torch", torch.__version__, "transformers", transformers.__version__)'
