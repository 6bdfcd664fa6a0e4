#!/usr/bin/env bash
# Times the three products, block-sparse beside dense, and a training step, on this
# machine's CPU. docs/benchmarks.md has more: other shapes, GPUs, other libraries.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of -- "$@"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
CGO_ENABLED=0 go build -o "$scratch/sparsebert-gpu" ./cmd/sparsebert-gpu
"$scratch/sparsebert-gpu" bench --device cpu --block 16 --sparsity 0.9
"$scratch/sparsebert-gpu" bench --step --device cpu --block 16 --sparsity 0,0.9
echo "bench: products and a step timed on this machine"
