#!/usr/bin/env bash
# Every sweep under experiments/ passes --dry-run, each figure of the paper has its
# file in both sizes, and the smallest sweep runs to its end on the built-in corpus,
# twice: the second time nothing is left to do. Its report has the numbers of
# results.jsonl and every figure as SVG and PNG.
#   experiments.sh         throws the sweep away
#   experiments.sh FOLDER  keeps the sweep in FOLDER and the report beside it
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
case "${1:-} $#" in
--help\ 1) help; exit 0 ;;
-* | *\ [!01]) refuse "${2:-$1}" "a folder" ;;
esac
keep=${1:+$(realpath -m "$1")}
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
out=${keep:-$dir/smoke}
if [ -e "$out" ]; then
  echo "experiments.sh: found $out, expected no such folder" >&2
  exit 1
fi
CGO_ENABLED=0 go build -o "$dir/sparsebert-gpu" ./cmd/sparsebert-gpu
program=$dir/sparsebert-gpu

count=0
for file in experiments/*/*.yaml; do
  "$program" sweep "$file" --dry-run --device cpu >"$dir/said" || { echo "experiments.sh: $file does not pass --dry-run" >&2; exit 1; }
  echo "$file: $(head -1 "$dir/said")"
  count=$((count + 1))
done
for file in experiments/paper/*.yaml; do
  [ -f "experiments/small/$(basename "$file")" ] || { echo "experiments.sh: $file has no small counterpart" >&2; exit 1; }
done
for name in pareto sparsity-range updates-and-ratio regularization block-norm block-size initialization growth learning-rates \
  zero-or-untrained freezing alternation; do
  [ -f "experiments/paper/$name.yaml" ] || { echo "experiments.sh: found no experiments/paper/$name.yaml" >&2; exit 1; }
done

# A file that cannot be carried out must not pass.
sed 's/layers: 1/layers: 0.5/' experiments/small/smoke.yaml >"$dir/bad.yaml"
if "$program" sweep "$dir/bad.yaml" --dry-run --device cpu >/dev/null 2>&1; then
  echo "experiments.sh: half a layer passed --dry-run" >&2
  exit 1
fi

"$program" sweep experiments/small/smoke.yaml --out "$out" --device cpu --quiet
cp "$out/results.jsonl" "$dir/first"
runs=$(wc -l <"$dir/first")
expected=$("$program" sweep experiments/small/smoke.yaml --list --device cpu | tail -n +2 | wc -l)
if [ "$runs" != "$expected" ] || grep -qv '"status":"done"' "$dir/first"; then
  echo "experiments.sh: found $runs results, not all of them done, expected $expected:" >&2
  cat "$dir/first" >&2
  exit 1
fi
"$program" sweep experiments/small/smoke.yaml --out "$out" --device cpu --quiet >/dev/null
cmp "$dir/first" "$out/results.jsonl"
[ "$(wc -l <"$out/timings.jsonl")" = "$runs" ] || { echo "experiments.sh: found runs that were made twice" >&2; exit 1; }

"$program" report "$out" --out "$out.html" 2>"$dir/warnings"
if [ -s "$dir/warnings" ]; then
  echo "experiments.sh: the report has warnings, expected none:" >&2
  cat "$dir/warnings" >&2
  exit 1
fi
CGO_ENABLED=0 go build -o "$dir/reportcheck" ./ci/reportcheck
"$dir/reportcheck" "$out/results.jsonl" "$out.html" "$out-figures"
for figure in pareto loss-learning-rate loss explored-dof run1-topology-query run1-flops; do
  [ -f "$out-figures/$figure.svg" ] || { echo "experiments.sh: the report has no figure $figure" >&2; exit 1; }
done
# A report of other numbers must not pass.
sed '1s/"mlm_loss":/&1/' "$out/results.jsonl" >"$dir/other"
if "$dir/reportcheck" "$dir/other" "$out.html" "$out-figures" 2>/dev/null; then
  echo "experiments.sh: a report of other numbers passed" >&2
  exit 1
fi
echo "experiments: $count files pass --dry-run; $runs runs of the smallest done, and its report is right"
