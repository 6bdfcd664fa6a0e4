#!/usr/bin/env bash
# Makes the committed assembly and its declarations again and compares. The tree is not touched.
# `generated.sh --self-test` proves that a changed instruction, a changed declaration and a file
# too few are found.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of --self-test -- "$@"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

kernel=cpu/internal/kernel
mkdir "$scratch/made"
go run -C "$kernel/gen" . -dir "$scratch/made"
sim=internal/ptxsim
mkdir "$scratch/sim"
go run "./$sim/gen" -dir "$scratch/sim"

# same FOLDER compares the generated files in it with those just made.
same() {
  local ok=0 f
  # shellcheck disable=SC2010 # names without spaces
  for f in $(ls "$1" "$scratch/made" | grep '_amd64\.\(s\|go\)$' | sort -u); do
    # What a person wrote has no warning in its first line.
    if [ ! -e "$scratch/made/$f" ] && [[ $f == *.go ]] && ! head -1 "$1/$f" | grep -q '^// Code generated'; then continue; fi
    if ! cmp -s "$1/$f" "$scratch/made/$f"; then
      echo "$1/$f: found other than the generator makes; run go generate ./$kernel" >&2
      ok=1
    fi
  done
  return $ok
}

# same_sim FOLDER does so for the simulator's files.
same_sim() {
  local ok=0 f
  for f in "$scratch/sim"/*; do
    if ! cmp -s "$1/${f##*/}" "$f"; then
      echo "$1/${f##*/}: found other than the generator makes; run go generate ./$sim" >&2
      ok=1
    fi
  done
  return $ok
}

case "${1:-}" in
"") ;;
--self-test)
  for plant in "sed -i 0,/VADDPS/s//VSUBPS/ vectors_amd64.s" "sed -i s/int32)/int64)/ gradients_amd64.go" "rm tiles_amd64.s" "cp tiles_amd64.s more_amd64.s"; do
    rm -rf "$scratch/planted"
    mkdir "$scratch/planted"
    cp "$kernel"/*_amd64.* "$scratch/planted"
    (cd "$scratch/planted" && $plant)
    if same "$scratch/planted" 2>/dev/null; then
      echo "generated.sh: did not find the planted fault: $plant" >&2
      exit 1
    fi
  done
  cp -r "$scratch/sim" "$scratch/planted-sim"
  sed -i 0,/VPADDQ/s//VPSUBQ/ "$scratch/planted-sim/lanes_amd64.s"
  if same_sim "$scratch/planted-sim" 2>/dev/null; then
    echo "generated.sh: did not find the planted fault in $sim" >&2
    exit 1
  fi
  echo "generated.sh: self-test passed"
  exit 0
  ;;
*)
  echo "generated.sh: found argument $1, expected --self-test or none" >&2
  exit 2
  ;;
esac
same "$kernel"
same_sim "$sim"
echo "generated: as committed"
