#!/usr/bin/env bash
# Who may import whom (ARCHITECTURE.md). Each line of the table names a package
# and all packages of this module that it may import, tests not counted.
# `imports.sh --self-test` proves that a forbidden import is found.
set -euo pipefail
cd "$(dirname "$0")/.."
module=$(go list -m)

table='
internal/philox
internal/backend          sparse
internal/metrics
internal/checkpoint
internal/checkpoint/faultfs internal/checkpoint
internal/corpus           internal/philox
sparse                    internal/philox
model                     sparse internal/backend internal/philox
internal/cpu              sparse internal/backend internal/philox internal/cpu/kernel
internal/cpu/kernel       internal/philox
internal/cpu/reference    sparse internal/backend internal/philox
internal/ptxsim
internal/backendtest      sparse internal/backend internal/philox internal/cpu/reference
internal/oracle           model sparse internal/philox
internal/train            model sparse internal/backend internal/philox internal/corpus internal/checkpoint internal/metrics
cmd/sparsebert-gpu        *
ci/testreport
'

# check reads lines "package import import ..." and prints the offences.
check() {
  awk -v table="$table" -v module="$module/" '
    BEGIN {
      n = split(table, lines, "\n")
      for (i = 1; i <= n; i++) {
        m = split(lines[i], w, " ")
        if (m == 0) continue
        known[w[1]] = 1
        for (j = 2; j <= m; j++) allowed[w[1], w[j]] = 1
      }
    }
    {
      p = substr($1, length(module) + 1)
      if (!(p in known)) { print p ": not in the table of ci/imports.sh"; bad = 1; next }
      if ((p, "*") in allowed) next
      for (i = 2; i <= NF; i++) {
        if (index($i, module) == 1) {
          q = substr($i, length(module) + 1)
          if (!((p, q) in allowed)) { print p " imports " q ": not allowed"; bad = 1 }
        }
        if ($i == "C") { print p " uses cgo: not allowed"; bad = 1 }
        if (index($i, "gorgonia.org/") == 1 && p != "internal/oracle") { print p " imports " $i ": only internal/oracle may"; bad = 1 }
      }
    }
    END { exit bad }'
}

if [ "${1:-}" = --self-test ]; then
  for planted in "sparse $module/internal/backend" "model $module/internal/cpu" "model gorgonia.org/tensor" "internal/newcomer fmt"; do
    if echo "$module/$planted" | check >/dev/null; then
      echo "imports.sh: did not find the planted fault: $planted" >&2
      exit 1
    fi
  done
  echo "imports.sh: self-test passed"
  exit 0
fi
go list -f '{{.ImportPath}}{{range .Imports}} {{.}}{{end}}' ./... | check
echo "imports: as the table says"
