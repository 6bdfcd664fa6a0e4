#!/usr/bin/env bash
# Who may import whom (ARCHITECTURE.md). Each line of the table names a package
# and all packages of this module that it may import, tests not counted. Files
# with the build tag nvidia are looked at as well; that needs no CUDA.
# `imports.sh --self-test` proves that a forbidden import is found.
set -euo pipefail
cd "$(dirname "$0")/.."
module=$(go list -m)

table='
internal/philox
backend          sparse
internal/metrics
internal/checkpoint
internal/checkpoint/faultfs internal/checkpoint
internal/atomicdir
internal/corpus           internal/philox internal/atomicdir
internal/huggingface      model sparse internal/checkpoint internal/corpus internal/atomicdir
sparse                    internal/philox
model                     sparse backend internal/philox
cpu              sparse backend internal/philox cpu/internal/kernel
cpu/internal/kernel       internal/philox
internal/reference    sparse backend internal/philox
internal/ptxsim
kernels
kernels/gen
gpu                       kernels sparse backend internal/philox
gpu/simdriver             gpu internal/ptxsim
gpu/cudadriver            gpu gpu/cudadriver/preflight
gpu/cudadriver/preflight  internal/nvidia
gpu/faultdriver           gpu
gpu/drivertest            gpu
internal/backendtest      sparse backend internal/philox internal/reference
internal/traffic          gpu sparse backend
internal/bench            sparse model backend internal/philox internal/traffic
internal/nvidia
internal/oracle           model sparse internal/philox
train            model sparse backend internal/philox internal/corpus internal/checkpoint internal/metrics internal/huggingface internal/atomicdir
internal/sweep            train internal/checkpoint model
internal/report           model train internal/metrics internal/checkpoint internal/sweep
cmd/sparsebert-gpu        *
ci/testreport
ci/reportcheck
ci/interop                *
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
        if ($i == "C" && p != "gpu/cudadriver" && p != "gpu/cudadriver/preflight") { print p " uses cgo: only gpu/cudadriver may"; bad = 1 }
        may = ""
        if (index($i "/", "gorgonia.org/") == 1) may = "internal/oracle"
        if (index($i "/", "gorgonia.org/cu/") == 1) may = "gpu/cudadriver"
        if (index($i "/", "gonum.org/v1/plot/") == 1) may = "internal/report"
        if (may != "" && p != may) { print p " imports " $i ": only " may " may"; bad = 1 }
      }
    }
    END { exit bad }'
}

# imports FOLDER prints the lines for the packages of the module there, without
# the tag and with it. cgo is switched on since files that use it are else left out.
imports() {
  local tags
  for tags in '' nvidia; do
    (cd "$1" && CGO_ENABLED=1 go list -e -tags "$tags" -f '{{.ImportPath}}{{range .Imports}} {{.}}{{end}}' ./...)
  done | sort -u
}

if [ "${1:-}" = --self-test ]; then
  planted() {
    echo "imports.sh: did not find the planted fault: $*" >&2
    exit 1
  }
  for line in "sparse $module/backend" "model $module/cpu" "model gorgonia.org/tensor" "internal/newcomer fmt" \
    "gpu gorgonia.org/cu" "internal/oracle gorgonia.org/cu" "internal/oracle gorgonia.org/cu/blas" "gpu/cudadriver gorgonia.org/gorgonia" "gpu/cudadriver/preflight gorgonia.org/cu" \
    "gpu C" "internal/oracle C" "kernels $module/sparse" "model $module/gpu" "train $module/internal/report" "train gonum.org/v1/plot/vg" "gpu $module/gpu/simdriver" "gpu/cudadriver $module/internal/ptxsim"; do
    if echo "$module/$line" | check >/dev/null; then planted "$line"; fi
  done
  for line in "gpu/cudadriver C gorgonia.org/cu $module/gpu" "internal/oracle gorgonia.org/gorgonia $module/model" "sparse fmt"; do
    echo "$module/$line" | check || { echo "imports.sh: found a fault where there is none: $line" >&2; exit 1; }
  done
  dir=$(mktemp -d)
  trap 'rm -rf "$dir"' EXIT
  printf 'module %s\n\ngo 1.26.0\n' "$module" >"$dir/go.mod"
  mkdir "$dir/sparse"
  printf 'package sparse\n' >"$dir/sparse/a.go"
  imports "$dir" | check || { echo "imports.sh: found a fault where there is none" >&2; exit 1; }
  for tag in nvidia '!nvidia'; do
    for import in '"C"' '_ "gorgonia.org/cu"' "_ \"$module/model\""; do
      printf '//go:build %s\n\npackage sparse\n\nimport %s\n' "$tag" "$import" >"$dir/sparse/b.go"
      if imports "$dir" | check >/dev/null; then planted "$import in a file for $tag"; fi
    done
  done
  echo "imports.sh: self-test passed"
  exit 0
fi
imports . | check
echo "imports: as the table says"
