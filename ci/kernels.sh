#!/usr/bin/env bash
# Makes the committed PTX, launchers and table of registers again with the pinned nvcc
# and ptxas and compares; reports registers and spills; checks the nvidia build.
# The tree is not touched.
#   kernels.sh --changed    takes kernels as made that kernels/made.txt knows with this source and this PTX, but
#                           for one in eight, others at each commit; the workflow ci makes all
#   kernels.sh --write      writes PTX, launchers, the table and made.txt into the tree, for kernels that changed
#   kernels.sh --self-test  proves that each kind of fault is found
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
. ci/versions.sh
. ci/packages.sh
must_not_spill='dsd_*|dds_*|sdd_*' # what a training step spends its time in
targets='sm_80 sm_86 sm_90a'
jobs=$(nproc)

die() { echo "kernels.sh: $*" >&2; exit 1; }

# toolkit sets up the pinned nvcc, or fails in one line.
toolkit() {
  local tool settings
  for tool in make g++; do
    command -v $tool >/dev/null && continue
    can_install || die "found no $tool, expected it for nvcc"
    apt_install $tool
  done
  settings=$(ci/cuda-toolkit.sh --pinned --env) || exit 1
  eval "$settings"
}

# make_into FOLDER makes all PTX and the launchers there.
make_into() { make -s -C kernels -j"$jobs" -O BUILD="$1/build" PTX="$1/ptx" LAUNCH="$1/launch_gen.go"; }

# tools TREE hashes what every kernel of TREE is made with: headers, flags, the program that strips PTX, the version of
# the compiler, and what is asked of ptxas.
tools() {
  local file
  {
    for file in "$1"/kernels/include/* "$1"/kernels/Makefile "$1"/kernels/gen/*.go; do
      case $file in *_test.go) ;; *) if [ -f "$file" ]; then cat "$file"; fi ;; esac
    done
    grep '^pinned=' ci/cuda-toolkit.sh
    echo "$targets $must_not_spill"
  } | sha256sum | cut -d ' ' -f 1
}

# made_row TREE TOOLS NAME prints the row of made.txt that TREE's kernel ought to have: a hash of what it is made of,
# and one of what was made of it, PTX and row of the table.
made_row() {
  local from to
  from=$({ echo "$2"; cat "$1/kernels/$3.cu"; } | sha256sum)
  to=$({ cat "$1/kernels/ptx/$3.ptx" || true; grep "^$3 " "$1/kernels/registers.txt" || true; } 2>/dev/null | sha256sum)
  echo "$3 ${from%% *} ${to%% *}"
}

# made_rows TREE prints made.txt.
made_rows() {
  local file tools
  tools=$(tools "$1")
  echo "# Kernels, each with a hash of what it is made of and one of what was made of it. Made by ci/kernels.sh --write."
  for file in "$1"/kernels/*.cu; do made_row "$1" "$tools" "$(basename "$file" .cu)"; done
}

# taken TREE COMMIT prints the kernels that need not be made: those of made.txt that are as they were, but for one in
# eight, which COMMIT chooses.
taken() {
  local name
  made_rows "$1" | grep -v '^#' >"$scratch/rows.txt"
  { grep -Fxf "$scratch/rows.txt" "$1/kernels/made.txt" || true; } | while read -r name _; do
    if [ $((0x$(echo "$2 $name" | sha256sum | cut -c 1-8) % 8)) != 0 ]; then echo "$name"; fi
  done
}

# make_changed TREE FOLDER COMMIT makes PTX there, as make_into, but puts TREE's where taken says so; FOLDER/taken names these.
make_changed() {
  local name goals=("$2/launch_gen.go")
  mkdir -p "$2/ptx"
  taken "$1" "$3" >"$2/taken"
  for name in "$1"/kernels/*.cu; do
    name=$(basename "$name" .cu)
    if grep -Fqx "$name" "$2/taken"; then cp "$1/kernels/ptx/$name.ptx" "$2/ptx"; else goals+=("$2/ptx/$name.ptx"); fi
  done
  echo "kernels: $(wc -l <"$2/taken") taken as made.txt says, $((${#goals[@]} - 1)) made"
  make -s -C "$1/kernels" -j"$jobs" -O BUILD="$2/build" PTX="$2/ptx" LAUNCH="$2/launch_gen.go" "${goals[@]}"
}

# is_taken FOLDER NAME
is_taken() { [ -f "$1/taken" ] && grep -Fqx "$2" "$1/taken"; }

# same TREE MADE compares kernels/ptx and gpu/launch_gen.go with what was made.
same() {
  local bad=0 file committed
  for file in "$2"/ptx/*.ptx; do
    committed=kernels/ptx/$(basename "$file")
    if [ ! -f "$1/$committed" ]; then
      echo "$committed: missing"
      bad=1
    elif ! diff "$1/$committed" "$file" >"$2/diff"; then
      echo "$committed: stale: < found, > expected"
      head -n 6 "$2/diff"
      bad=1
    fi
  done
  for file in "$1"/kernels/ptx/*.ptx; do
    [ -f "$2/ptx/$(basename "$file")" ] || { echo "kernels/ptx/$(basename "$file"): surplus: there is no such kernel"; bad=1; }
  done
  cmp -s "$1/gpu/launch_gen.go" "$2/launch_gen.go" || { echo "gpu/launch_gen.go: stale"; bad=1; }
  return $bad
}

# assemble FOLDER TARGET NAME leaves what ptxas says of FOLDER/ptx/NAME.ptx.
assemble() {
  ptxas -v "-arch=$2" -o "$1/asm/$3.$2.cubin" "$1/ptx/$3.ptx" >"$1/asm/$3.$2" 2>&1 || { cat "$1/asm/$3.$2"; return 1; }
}
export -f assemble

# figures FILE prints registers, spilled bytes, static shared memory and stack.
figures() {
  awk '
    {
      for (i = 1; i < NF; i++) {
        if ($(i + 1) ~ /^registers/) { registers = $i; found = 1 }
        if ($(i + 1) != "bytes") continue
        if ($(i + 2) ~ /^smem/) shared = $i
        if ($(i + 2) == "spill") spill += $i
        if ($(i + 2) == "stack" && $i > stack) stack = $i
      }
    }
    END { print registers + 0, spill + 0, shared + 0, stack + 0; exit !found }' "$1"
}

# assemble_all FOLDER assembles FOLDER/ptx for every GPU that it runs on.
assemble_all() {
  local file name target
  mkdir -p "$1/asm"
  for file in "$1"/ptx/*.ptx; do
    name=$(basename "$file" .ptx)
    if is_taken "$1" "$name"; then continue; fi
    for target in $targets; do
      if [[ $name == *_sm90a && $target != sm_90a ]]; then continue; fi
      echo "$1 $target $name"
    done
  done | xargs -r -P "$jobs" -L 1 bash -c 'assemble "$@"' assemble
}

# registers FOLDER prints kernels/registers.txt from what assemble_all left in FOLDER; FOLDER/rows has those of kernels
# that are taken.
registers() {
  local file name target row count bytes local_row
  echo "# Registers of a thread, as ptxas of CUDA $(ptxas --version | sed -n 's/.*release \([0-9.]*\),.*/\1/p') assigns them. Made by ci/kernels.sh --write."
  echo "# kernel $targets, and bytes of local memory on $targets where there are any"
  for file in "$1"/ptx/*.ptx; do
    name=$(basename "$file" .ptx) row='' local_row=''
    if is_taken "$1" "$name"; then grep "^$name " "$1/rows" || true; continue; fi
    for target in $targets; do
      count=- bytes=0
      if [ -f "$1/asm/$name.$target" ]; then
        count=$(figures "$1/asm/$name.$target" | cut -d ' ' -f 1)
        bytes=$(figures "$1/asm/$name.$target" | cut -d ' ' -f 4)
      fi
      row+=" $count" local_row+=" $bytes"
    done
    if [[ $local_row =~ [1-9] ]]; then row+=$local_row; fi
    echo "$name$row"
  done
}

# same_registers TREE FOLDER compares TREE's table with what assemble_all left in FOLDER.
same_registers() {
  registers "$2" >"$2/registers.txt"
  diff "$1/kernels/registers.txt" "$2/registers.txt" >"$2/diff" && return
  echo "kernels/registers.txt: stale: < found, > expected"
  head -n 6 "$2/diff"
  return 1
}

# report FOLDER prints a row a kernel of what assemble_all left in FOLDER.
report() {
  local bad=0 file name target of row numbers spilled
  of=$(for target in $targets; do printf ' | %-6s %4s %6s %6s %6s' "$target" regs spill shared stack; done)
  printf '%-24s%s\n' kernel "$of"
  for file in "$1"/ptx/*.ptx; do
    name=$(basename "$file" .ptx) row='' spilled=''
    if is_taken "$1" "$name"; then continue; fi
    for target in $targets; do
      numbers='- - - -'
      if [ -f "$1/asm/$name.$target" ]; then
        numbers=$(figures "$1/asm/$name.$target") || { echo "$name: ptxas reported no registers for $target"; bad=1; }
        [ "$(cut -d ' ' -f 2 <<<"$numbers")" = 0 ] || spilled="$spilled $target"
      fi
      # shellcheck disable=SC2086 # four words
      row+=$(printf ' | %-6s %4s %6s %6s %6s' '' $numbers)
    done
    printf '%-24s%s\n' "$name" "$row"
    if [ -n "$spilled" ] && [[ $name == @($must_not_spill) ]]; then
      echo "$name: spills on$spilled, expected none"
      bad=1
    fi
  done
  return $bad
}

one_of --changed --write --self-test -- "$@"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
case ${1:-} in
--self-test)
  toolkit
  # shellcheck source=ci/kernels-test.sh
  . ci/kernels-test.sh ;;
--write)
  toolkit
  make -s -C kernels -j"$jobs" -O
  cp -r kernels/ptx "$scratch/ptx"
  assemble_all "$scratch" || die "ptxas: see above"
  registers "$scratch" >"$scratch/registers.txt"
  cmp -s "$scratch/registers.txt" kernels/registers.txt || cp "$scratch/registers.txt" kernels/registers.txt
  report "$scratch" >"$scratch/report" || die "$(cat "$scratch/report")"
  made_rows . >"$scratch/made.txt"
  cmp -s "$scratch/made.txt" kernels/made.txt || cp "$scratch/made.txt" kernels/made.txt
  echo "kernels: PTX, launchers and registers are as the sources say" ;;
'' | --changed)
  toolkit
  if [ "${1:-}" = --changed ]; then
    make_changed "$PWD" "$scratch" "$(git rev-parse HEAD 2>/dev/null || date +%F)"
    cp kernels/registers.txt "$scratch/rows"
  else
    make_into "$scratch"
  fi
  same . "$scratch" || die "the committed files are not what the sources make; ci/kernels.sh --write makes them"
  if ! assemble_all "$scratch" || ! report "$scratch"; then die "ptxas: see above"; fi
  same_registers . "$scratch" || die "the table is not what ptxas says; ci/kernels.sh --write makes it"
  made_rows . >"$scratch/made.txt"
  if ! cmp -s "$scratch/made.txt" kernels/made.txt; then
    [ "${1:-}" = --changed ] || die "kernels/made.txt: stale; ci/kernels.sh --write makes it"
    echo "kernels: kernels/made.txt is stale, which costs time; ci/kernels.sh --write makes it"
  fi
  export CGO_ENABLED=1
  # Those that the tag changes; of the others ci/lint.sh sees the same files.
  mapfile -t tagged < <(grep -rlE --include='*.go' '^//go:build .*nvidia' . | xargs -n1 dirname | sort -u)
  go vet -tags nvidia "${tagged[@]}"
  go build -tags nvidia -o "$scratch/bin/" "${tagged[@]}"
  go run "$staticcheck" -tags nvidia "${tagged[@]}"
  echo "kernels: as committed" ;;
esac
