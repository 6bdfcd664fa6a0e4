#!/usr/bin/env bash
# Makes the pictures of the pages again from the committed results and compares them byte by byte.
#   pictures.sh              compares
#   pictures.sh --write      puts the pictures into the tree
#   pictures.sh --self-test  proves that another picture and another result are found
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of --write --self-test -- "$@"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A line each: rows under bench/results, joined by commas, figure of the report, picture under docs/results, step times
# where it needs some.
pictures() {
  local rows=small-width-64-seeds.jsonl,small-width-64-dense.jsonl,small-width-64-dense32.jsonl
  cat <<P
$rows pareto width-64
$rows pareto-narrow width-64-narrow
$rows pareto-all width-64-all
width-64-dynamic-seed1 topology-course width-64-topology
$rows pareto-time width-64-time small-width-64-steps.json
P
}

CGO_ENABLED=0 go build -o "$scratch/sparsebert-gpu" ./cmd/sparsebert-gpu

# make FOLDER ROWS FIGURE FILE [TIMES] draws one picture from rows and times in a folder.
make() {
  local rows
  IFS=, read -ra rows <<<"$2"
  rm -rf "$scratch/figures"
  "$scratch/sparsebert-gpu" report "${rows[@]/#/$1/}" ${5:+--step-times "$1/$5"} --out "$scratch/page.html" --figures "$scratch/figures" >/dev/null
  cp "$scratch/figures/$3.svg" "$4"
}

# same RESULTS DOCS compares the pictures in one folder with what the rows in another make.
same() {
  local ok=0 rows figure picture times
  while read -r rows figure picture times; do
    make "$1" "$rows" "$figure" "$scratch/made.svg" "$times"
    if ! cmp -s "$scratch/made.svg" "$2/$picture.svg"; then
      echo "pictures.sh: $2/$picture.svg: found another picture than $rows makes; run ci/pictures.sh --write" >&2
      ok=1
    fi
  done < <(pictures)
  return $ok
}

case "${1:-}" in
--write)
  while read -r rows figure picture times; do
    make bench/results "$rows" "$figure" "docs/results/$picture.svg" "$times"
  done < <(pictures) ;;
--self-test)
  cp -r bench/results "$scratch/results"
  sed -i '0,/"mlm_loss":3/s//"mlm_loss":4/' "$scratch/results/small-width-64-seeds.jsonl"
  if same "$scratch/results" docs/results 2>/dev/null; then echo "pictures.sh: did not find another result" >&2; exit 1; fi
  cp -r docs/results "$scratch/docs"
  sed -i s/circle/square/ "$scratch/docs/width-64.svg"
  if same bench/results "$scratch/docs" 2>/dev/null; then echo "pictures.sh: did not find another picture" >&2; exit 1; fi
  echo "pictures.sh: self-test passed" ;;
"")
  same bench/results docs/results
  echo "pictures.sh: as committed" ;;
esac
