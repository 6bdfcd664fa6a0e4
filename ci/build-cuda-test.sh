# shellcheck shell=bash disable=SC2154,SC2015 # settings come from the script that reads this; fail exits
# build-cuda.sh --self-test, which reads this file: checks Dockerfile.cuda, builds
# from what it copies, plants faults in the results, and runs the real programs on
# a driver played by a small library, and on one whose GPU is the simulator.
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
fail() {
  echo "build-cuda.sh: self-test: $*" >&2
  if [ -s "$top/said" ]; then sed 's/^/  it said: /' "$top/said" >&2; fi
  exit 1
}

# dockerfile FILE FOLDER prints what is wrong with a Dockerfile whose context is
# FOLDER. Where docker is and can build, that shows more; this needs nothing.
dockerfile() {
  sed -e ':a' -e '/\\$/N; s/\\\n//; ta' "$1" | awk -v context="$2" -v quote="'" '
    function bad(text) { print "line " NR ": " text; found = 1 }
    function exists(path,  command) { command = "test -e " quote context "/" path quote; return system(command) == 0 }
    /^[[:space:]]*(#|$)/ { next }
    $1 == "FROM" {
      if ($2 !~ /:[^:]*[0-9]+\.[0-9]+\.[0-9]+[^:]*$/) bad("found image " $2 ", expected a tag with a whole version")
      if ($2 ~ /\.[a-z]+\//) bad("found a registry in " $2 ", expected a name alone")
      if ($3 == "AS") stages[$4] = 1
      user = ""; entry = ""; image = $2; next
    }
    $1 == "COPY" {
      from = ""; first = 2
      for (i = 2; $i ~ /^--/; i++) { first = i + 1; if ($i ~ /^--from=/) from = substr($i, 8) }
      if (from != "" && !(from in stages)) bad("found --from=" from ", expected a stage above")
      for (i = first; i < NF && from == ""; i++) if (!exists($i)) bad("found no " $i " in the context")
      next
    }
    $1 == "RUN" {
      for (i = 2; i <= NF; i++) if ($i ~ /^ci\//) { scripts++; if (system("test -x " quote context "/" $i quote) != 0) bad("found no program " $i " in the context") }
      if (/curl|wget/) bad("found a download, expected pinned images only")
      for (i = 2; i <= NF; i++) if ($i == "install" && $(i - 1) == "apt-get") while (++i <= NF && $i != "&&") if ($i !~ /^-|=/) bad("found package " $i " of no pinned version, expected " $i "=VERSION")
      next
    }
    $1 == "ADD" { bad("found ADD, expected COPY") }
    $1 == "USER" { user = $2 }
    $1 == "ENTRYPOINT" { entry = $2 }
    END {
      if (user == "" || user ~ /^(0|root)(:|$)/) bad("found user \"" user "\" at the end, expected another than root")
      if (entry != "[\"sparsebert-gpu\"]") bad("found entry point " entry ", expected [\"sparsebert-gpu\"]")
      if (image !~ /-base-/) bad("found image " image " at the end, expected one without the toolkit")
      if (!scripts) bad("found no script of ci, expected ci/build-cuda.sh")
      exit found
    }'
}

# context FOLDER copies there what .dockerignore leaves of the tree.
context() {
  local line
  while read -r line; do
    case $line in
    '' | '#'* | '*') ;;
    '!'*) cp -r "${line#!}" "$1" ;;
    '**/'*) find "$1" -name "${line#'**/'}" -prune -exec rm -rf {} + ;;
    *) rm -rf "${1:?}/$line" ;;
    esac
  done <.dockerignore
}

mkdir "$top/context"
context "$top/context"
dockerfile Dockerfile.cuda "$top/context" >"$top/said" || fail "Dockerfile.cuda: see below"
# spoil WORDS SED expects a changed Dockerfile to be found out.
spoil() {
  sed -E "$2" Dockerfile.cuda >"$top/Dockerfile"
  cmp -s Dockerfile.cuda "$top/Dockerfile" && fail "nothing to spoil for: $1"
  dockerfile "$top/Dockerfile" "$top/context" >"$top/said" && fail "did not find: $1"
  grep -q -- "$1" "$top/said" || fail "expected: $1"
}
spoil 'expected a tag with a whole version' 's/^(FROM golang):\S+/\1:latest/'
spoil 'expected a tag with a whole version' 's/^(FROM nvidia.cuda):12.4.1-base\S*/\1/'
spoil 'found package libnccl2 of no pinned version' 's/(libnccl2)=\S+/\1/'
spoil 'expected a stage above' 's/--from=build/--from=builder/'
spoil 'found no go.work' 's/COPY go.mod/COPY go.work/'
spoil 'found no program ci/build.sh' 's/build-cuda.sh/build.sh/'
spoil 'expected another than root' '/^USER/d'
spoil 'expected another than root' 's/^USER .*/USER root/'
spoil 'found entry point' 's/^ENTRYPOINT .*/ENTRYPOINT sparsebert-gpu train/'
spoil 'without the toolkit' 's/12.4.1-base/12.4.1-devel/'
spoil 'found a download' 's/^RUN go mod/RUN curl x; go mod/'
# The versions of the toolkit and of Go are those that CI builds with.
[[ $(sed -nE 's/^pinned=V([0-9]+\.[0-9]+).*/\1/p' ci/cuda-toolkit.sh) == 12.4 ]] && grep -q '^FROM nvidia/cuda:12\.4\.' Dockerfile.cuda || fail "Dockerfile.cuda has another CUDA than ci/cuda-toolkit.sh"
wanted=$(awk '$1 == "go" { split($2, v, "."); print v[1] "." v[2] }' go.mod)
grep -q "^FROM golang:$wanted\." Dockerfile.cuda || fail "Dockerfile.cuda has another Go than go.mod, which asks for $wanted"

# The build, from the context alone, as the Dockerfile runs it.
made=$top/made
CUBIN_TARGETS=sm_80 COMMIT=feedbeef0123 "$top/context/ci/build-cuda.sh" "$made" >"$top/said" 2>&1 || fail "cannot build from what Dockerfile.cuda copies"
cat "$top/said"
grep -q 'machine code for sm_80; ' "$top/said" || fail "expected machine code for sm_80 alone"
COMMIT='v1 -X' ci/build-cuda.sh "$top/none" >"$top/said" 2>&1 && fail "took a commit of two words"

# found CHECK WORDS... expects a check of the results to end in one line with these words.
found() {
  local words=$1
  shift
  ("$@") >"$top/said" 2>&1 && fail "$*: passed, expected: $words"
  [ "$(wc -l <"$top/said")" = 1 ] && grep -q -- "$words" "$top/said" || fail "$*: expected one line that says: $words"
}
spoilt=$top/spoilt
mkdir "$spoilt"
echo 'int cudaMalloc(void) { return 0; }' | gcc -shared -o "$top/libcudart.so.12" -Wl,-soname,libcudart.so.12 -x c -
echo 'int cuInit(void) { return 0; }' | gcc -shared -o "$top/libcuda.so.1" -Wl,-soname,libcuda.so.1 -x c -
spoilt_helper() { echo "int cuInit(), cudaMalloc(); const char *s = \"$1\"; int main() { cuInit(); return s[0]; }" | gcc -w -o "$spoilt/$helper" -x c - -x none "$top/libcuda.so.1" "${@:2}"; }
cp "$made/$helper" "$spoilt/$plain"
found "expected a static program" look_at_plain "$spoilt" feedbeef0123
cp "$made/$plain" "$spoilt/$plain"
found 'expected commit v1' look_at_plain "$spoilt" v1
cp "$made/$plain" "$spoilt/$helper"
found 'expected libcuda.so.1' look_at_helper "$spoilt"
spoilt_helper x
(look_at_helper "$spoilt") >"$top/said" 2>&1 || fail "found a fault where there is none"
spoilt_helper x -Wl,--no-as-needed "$top/libcudart.so.12"
found 'linked with libcudart.so.12' look_at_helper "$spoilt"
spoilt_helper x -Wl,-rpath,/opt/cuda
found 'found a search path' look_at_helper "$spoilt"
spoilt_helper "$PWD/gpu/x.go"
found 'expected no path of this machine' look_at_helper "$spoilt"
cp "$made/$plain" "$spoilt/$mpi"
found 'expected the C library, to load MPI with' look_at_mpi "$spoilt"
cp "$made/$helper" "$spoilt/$mpi"
found 'linked with libcuda.so.1' look_at_mpi "$spoilt"
(
  cd "$top/context"
  # shellcheck disable=SC2034 # build-cuda.sh reads it
  cubins=,cubins
  look_at_cubins "$made" || exit 1
  cp kernels/cubin/sm_80.zip kernels/cubin/sm_75.zip
  found 'found no sm_75.zip' look_at_cubins "$made"
) || exit 1
printf '#!/bin/sh\necho one; echo two; exit 1\n' >"$spoilt/$plain"
found 'exit code 1' look_at_both "$spoilt"

# shellcheck source=ci/fake-cuda.sh
. ci/fake-cuda.sh
# shellcheck source=ci/sim-cuda-test.sh
. ci/sim-cuda-test.sh
echo "build-cuda.sh: self-test passed"
