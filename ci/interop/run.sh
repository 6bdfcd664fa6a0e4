#!/usr/bin/env bash
# Compares with transformers where a Python with it is at hand; else says so, and
# the golden files are what `go test ./ci/interop ./internal/corpus` compares with.
#   run.sh                compares
#   run.sh --golden DIR   writes the golden files, those of the tokenizer to DIR:
#                         internal/corpus/testdata
#   PYTHON=...            the Python to ask (default python3)
#   INTEROP_INSTALL=1     install requirements.txt from PyPI into a cache folder first
#   INTEROP_LINES=FILE    a text of one's own for the larger models and the token ids
set -euo pipefail
. "$(dirname "$0")/../arguments.sh"
cd "$(dirname "$0")/../.."
case "$# $*" in
'0 ' | '2 --golden '*) ;;
'1 --help') help; exit 0 ;;
*) refuse "$*" "--golden DIR" ;;
esac
python=${PYTHON:-python3}
if [ "${INTEROP_INSTALL:-}" = 1 ]; then
  cache=${XDG_CACHE_HOME:-$HOME/.cache}/sparsebert-gpu/interop
  [ -x "$cache/bin/python" ] || "$python" -m venv "$cache"
  python=$cache/bin/python
  "$python" -m pip install --quiet --requirement ci/interop/requirements.txt
fi
if ! "$python" -c 'import torch, transformers, tokenizers, safetensors' 2>/dev/null; then
  echo "interop: found no Python with torch and transformers, so the golden files alone are compared, by go test (INTEROP_INSTALL=1 installs them)"
  exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
go build -o "$scratch/sparsebert-gpu" ./cmd/sparsebert-gpu
go build -o "$scratch/interop" ./ci/interop
lines=${INTEROP_LINES:-../shared/data/wikitext-2/valid.txt}
[ -f "$lines" ] || { lines=""; echo "interop: found no WikiText-2 beside the repository and no INTEROP_LINES, so the small models alone are compared"; }
"$python" ci/interop/interop.py --program "$scratch/sparsebert-gpu" --helper "$scratch/interop" ${lines:+--lines "$lines"} "$@"
