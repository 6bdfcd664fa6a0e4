#!/usr/bin/env bash
# Makes the committed assembly again and compares. The tree is not touched.
# `generated.sh --self-test` proves that a changed instruction is found.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

committed=cpu/internal/kernel/kernel_amd64.s
(cd cpu/internal/kernel/gen && go run . -out "$scratch/kernel_amd64.s")
# same FILE compares it with what was made, but for the first line, which holds
# the command.
same() { diff <(tail -n +2 "$1") <(tail -n +2 "$scratch/kernel_amd64.s"); }

if [ "${1:-}" = --self-test ]; then
  sed '0,/VADDPS/s//VSUBPS/' "$committed" >"$scratch/planted.s"
  if same "$scratch/planted.s" >/dev/null; then
    echo "generated.sh: did not find the planted fault" >&2
    exit 1
  fi
  echo "generated.sh: self-test passed"
  exit 0
fi
same "$committed" || { echo "$committed: found other than the generator makes; run it as cpu/internal/kernel/gen/main.go says" >&2; exit 1; }
echo "generated: as committed"
