#!/usr/bin/env bash
# cuda-toolkit.sh --self-test: plants each kind of fault and expects it noticed.
# Needs neither network nor CUDA: apt, dpkg, nvcc and ptxas are played by scripts.
# shellcheck disable=SC2015,SC2016,SC2034 # fail exits; texts are expanded later, or by name
set -euo pipefail
script=$(dirname "$(readlink -f "$0")")/cuda-toolkit.sh
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
export top
real_apt=$(command -v apt-get || true)
names='nvidia-cuda-toolkit nvidia-cuda-dev libnvvm4 libcudart12 libcu++-dev'
export real_apt names
fail() {
  echo "cuda-toolkit.sh: self-test: $*" >&2
  sed 's/^/  it said: /' "$top/err" >&2
  exit 1
}

# On PATH: the fakes, then every command of the machine but apt-get and nvcc.
mkdir "$top/fake" "$top/rest" "$top/debs"
for folder in /bin /usr/bin; do
  find "$folder/" -maxdepth 1 -type f,l -exec ln -sft "$top/rest" {} +
done
rm -f "$top"/rest/{apt-get,nvcc,dpkg,dpkg-deb}
path=$top/fake:$top/rest

# player NAME makes the script on its standard input a command in $top/fake.
player() {
  cat >"$top/fake/$1"
  chmod +x "$top/fake/$1"
}
player apt-get <<'FAKE'
#!/usr/bin/env bash
case $* in
*"update --print-uris"*)
  if [ -n "${SOURCES:-}" ]; then exec "$real_apt" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$SOURCES" "$@"; fi
  if [ "${FAULT:-}" = mirror ]; then exit; fi
  echo "'http://vendor.example/tools/dists/stable-tools/main/binary-amd64/Packages.xz' x 0"
  echo "'http://mirror.example/debian/dists/stable/main/binary-amd64/Packages.xz' x 0" ;;
*update*)
  cat sources.list >"$top/sources.list"
  if [ "${FAULT:-}" = network ]; then
    echo "E: Failed to fetch InRelease: could not resolve the host"
    exit 100
  fi ;;
*"download --print-uris"*)
  if [ "${FAULT:-}" = few ]; then exit; fi
  for p in $names; do # like apt, leaves out what is there
    if cmp -s "$p.deb" "$top/debs/$p.deb"; then continue; fi
    echo "'http://mirror.example/$p' $p.deb $(stat -c %s "$top/debs/$p.deb") SHA256:$(sha256sum <"$top/debs/$p.deb" | cut -d' ' -f 1)"
  done ;;
*download*)
  echo download >>"$top/calls"
  case ${FAULT:-} in
  slow) sleep 1 ;;
  hang) cp "$top/debs/libnvvm4.deb" .; head -c 2000 "$top/debs/nvidia-cuda-toolkit.deb" >nvidia-cuda-toolkit.deb; echo hang >>"$top/calls"; exec sleep 60 ;;
  hash) head -c "$(stat -c %s "$top/debs/libnvvm4.deb")" /dev/zero >libnvvm4.deb ;;
  esac
  for p in $names; do # like apt, takes a complete file as it is
    if [ "$(stat -c %s "$p.deb" 2>/dev/null || echo 0)" -lt "$(stat -c %s "$top/debs/$p.deb")" ]; then cp "$top/debs/$p.deb" .; fi
  done ;;
esac
FAKE
player dpkg <<'FAKE'
#!/bin/sh
echo "${ARCH:-amd64}"
FAKE
player dpkg-deb <<'FAKE'
#!/bin/sh
exec cat "$2"
FAKE
player g++ <<'FAKE'
#!/bin/sh
FAKE

# The toolkit that the packages hold.
nvcc='#!/bin/sh
if [ "$1" = --version ]; then echo "release 12.4, ${VERSION:-V12.4.131}"; exit; fi
if [ "${FAULT:-}" = nvcc ]; then echo "nvcc fatal: error of its own"; exit 1; fi
for word; do case $word in -arch=compute_*) arch=${word#-arch=compute_} ;; *.ptx) out=$word ;; esac; done
if [ "${FAULT:-}" = target ]; then arch=80; fi
echo ".target sm_$arch" >"$out"'
ptxas='#!/bin/sh
if [ "${FAULT:-}" = ptxas ]; then echo "ptxas fatal: error of its own"; exit 1; fi
echo "ptxas info: Used 8 registers"'
raw=$top/raw debian=$top/raw/usr/lib/nvidia-cuda-toolkit
mkdir -p "$raw"/usr/{bin,include,share/doc/x,lib/x86_64-linux-gnu/stubs} "$debian"/{bin/crt,libdevice,compute-sanitizer}
echo "$nvcc" >"$debian/bin/nvcc"
echo "$ptxas" >"$raw/usr/bin/ptxas"
chmod +x "$debian/bin/nvcc" "$raw/usr/bin/ptxas"
echo cicc >"$debian/bin/cicc"
echo header >"$raw/usr/include/cuda.h"
for f in stubs/libcuda.so libcudart_static.a libcublas_static.a; do echo library >"$raw/usr/lib/x86_64-linux-gnu/$f"; done
ln -s libabsent.so.1 "$raw/usr/lib/x86_64-linux-gnu/libabsent.so"
touch "$debian"/{libdevice/libdevice.10.bc,compute-sanitizer/compute-sanitizer}
tar -C "$raw" -cf "$top/debs/nvidia-cuda-toolkit.deb" ./usr
for p in $names; do
  if [ "$p" = nvidia-cuda-toolkit ]; then continue; fi
  mkdir -p "$top/$p/usr/share/doc/$p"
  echo "the license of $p" >"$top/$p/usr/share/doc/$p/copyright"
  tar -C "$top/$p" -cf "$top/debs/$p.deb" ./usr
done

cache=$top/cache/cuda
# run NAME=VALUE... [-- OPTION...] runs the script with only these variables.
run() {
  local settings=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do settings+=("$1"); shift; done
  if [ $# -gt 0 ]; then shift; fi
  env -i top="$top" names="$names" real_apt="$real_apt" PATH="$path" SPARSEBERT_CUDA_DIR="$cache" "${settings[@]}" bash "$script" "$@" 2>"$top/err"
}
downloads() { grep -c download "$top/calls" 2>/dev/null || true; }
fresh() { rm -rf "$top/cache"* "$top/calls"; touch "$top/calls"; }
# good WHAT SETTING... expects the folder printed, whole, and nothing left beside it.
good() {
  local what=$1
  shift
  [ "$(run "$@")" = "$cache" ] || fail "$what: did not print the folder"
  [ -x "$cache/bin/nvcc" ] && [ -e "$cache/lib64/libcudart_static.a" ] && [ "$(find "$cache/doc" -name copyright | wc -l)" = 4 ] || fail "$what: the folder is not whole"
  [ "$(cd "$top/cache" && echo *)" = "cuda cuda.lock" ] || fail "$what: left $(cd "$top/cache" && echo *)"
}
# bad WORDS SETTING... expects a failure, one line with these words, and no folder.
bad() {
  local words=$1
  shift
  if run "$@" >"$top/out"; then fail "did not notice: $words"; fi
  [ ! -s "$top/out" ] || fail "printed a folder in spite of: $words"
  [ "$(grep -vc 'GB) into \|not used$\|fetching it again$' "$top/err")" = 1 ] || fail "expected one line: $words"
  grep -q "$words" "$top/err" || fail "expected: $words"
  [ ! -e "$cache/.inventory" ] || [ -n "${made:-}" ] || fail "left a folder in spite of: $words"
}

fresh
good "first run"
good "second run"
[ "$(downloads)" = 1 ] || fail "the second run downloaded again"
[ ! -e "$cache/lib64/libcublas_static.a" ] && [ ! -L "$cache/lib64/libabsent.so" ] || fail "kept what is of no use"
(eval "$(run CXX=g++ -- --env)" && [ "$CUDA_HOME" = "$cache" ] && [ "$(command -v nvcc)" = "$cache/bin/nvcc" ] &&
  [[ $NVCC_PREPEND_FLAGS == "-ccbin g++" && $CGO_LDFLAGS == *"-L$cache/lib64/stubs" && $CGO_CFLAGS == *"-I$cache/include" ]]) || fail "--env: the environment is wrong"

# A broken cache is noticed, also where its own environment is set, and made again.
broken() { # WHAT COMMAND
  fresh
  run >/dev/null
  eval "$2"
  good "$1" CUDA_HOME="$cache"
  [ "$(downloads)" = 2 ] && grep -q broken "$top/err" || fail "did not notice: $1"
}
broken "a flipped byte" 'printf H | dd of="$cache/include/cuda.h" conv=notrunc status=none'
broken "a truncated file" ': >"$cache/nvvm/bin/cicc"'
broken "a file gone" 'rm "$cache/nvvm/libdevice/libdevice.10.bc"'
broken "a file too many" 'touch "$cache/include/other.h"'
broken "a link turned" 'ln -sfn /dev/null "$cache/bin/compute-sanitizer"'
broken "no inventory" 'rm "$cache/.inventory"'
broken "an empty folder" 'rm -rf "$cache"; mkdir "$cache"'

# What a killed run left is gone on from; what it left half unpacked is not used.
fresh
setsid env -i top="$top" names="$names" PATH="$path" SPARSEBERT_CUDA_DIR="$cache" FAULT=hang bash "$script" >/dev/null 2>&1 &
pid=$!
for _ in $(seq 200); do grep -q hang "$top/calls" && break; sleep 0.05; done
{ kill -9 -- -$pid && wait $pid; } 2>/dev/null || true
[ "$(stat -c %s "$cache.download/packages/nvidia-cuda-toolkit.deb")" = 2000 ] || fail "the killed run left no half of a package"
mkdir -p "$cache.unpack/raw"
touch "$cache.unpack/rubbish"
good "after a kill"
[ ! -e "$cache/rubbish" ] || fail "took over what a killed run had half unpacked"
fresh
mkdir -p "$cache.download/packages"
head -c "$(stat -c %s "$top/debs/libnvvm4.deb")" /dev/zero >"$cache.download/packages/libnvvm4.deb"
good "a package of the right size and wrong bytes"

# Two at once: one downloads, both print the folder.
fresh
run FAULT=slow >"$top/first" &
pid=$!
good "two at once" FAULT=slow
wait $pid
[ "$(cat "$top/first")" = "$cache" ] && [ "$(downloads)" = 1 ] || fail "two at once: $(downloads) downloads"

# Every failure is one line and leaves no folder.
fresh
bad "found no Debian mirror" FAULT=mirror
bad "could not resolve the host" FAULT=network
bad "found 0 packages, expected 5" FAULT=few
bad "libnvvm4.deb: found another hash" FAULT=hash
bad "found arm64, expected amd64" ARCH=arm64
bad "found a space" SPARSEBERT_CUDA_DIR="$top/a b"
bad "in the repository" SPARSEBERT_CUDA_DIR="$(dirname "$(dirname "$script")")/cuda"
bad "cannot write" SPARSEBERT_CUDA_DIR=/dev/null/cuda
bad "expected --env" -- --wrong
bad "found no apt-get" PATH="$top/rest"
printf '#!/bin/sh\nprintf "h\\nd 9 9 1000 9 /\\n"\n' | player df
bad "MB free, expected at least" X=
rm "$top/fake/df"
for fault in "nvcc:nvcc fatal" "target:no PTX for sm_90a" "ptxas:ptxas fatal"; do
  made=yes bad "${fault#*:}" FAULT="${fault%:*}"
done

# The machine's own toolkit: 12.x and working, or not used.
fresh
own=$top/own
mkdir -p "$own/bin" "$own/lib64/stubs"
touch "$own/lib64/stubs/libcuda.so"
cp "$debian/bin/nvcc" "$raw/usr/bin/ptxas" "$own/bin"
[ "$(run CUDA_HOME="$own" VERSION=V12.6.20)" = "$own" ] || fail "did not take the toolkit in CUDA_HOME"
[ "$(run PATH="$own/bin:$path" VERSION=V12.6.20)" = "$own" ] || fail "did not take the nvcc on PATH"
[ "$(run CUDA_HOME="$own" -- --pinned)" = "$own" ] || fail "--pinned did not take the very version"
[ "$(downloads)" = 0 ] || fail "downloaded although there is a toolkit"
good "an old toolkit" CUDA_HOME="$own" VERSION=V11.8.89
good "a toolkit too new" CUDA_HOME="$own" VERSION=V13.0.48
good "another 12.x where it must be the pinned one" CUDA_HOME="$own" VERSION=V12.6.20 -- --pinned
rm "$own/lib64/stubs/libcuda.so"
good "a toolkit without libcuda.so" CUDA_HOME="$own" VERSION=V12.6.20

# The mirror is the machine's, in either format of apt's sources.
if [ -n "$real_apt" ]; then
  list='deb [arch=amd64] http://one.example/debian bookworm main
deb http://two.example/debian-security bookworm-security main
deb http://vendor.example/tools stable-tools main'
  sources='Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

# a comment
Types: deb deb-src
URIs: http://one.example/debian
Suites: bookworm bookworm-updates
Components: main'
  for format in list sources; do
    fresh
    rm -rf "$top/apt"
    mkdir "$top/apt"
    echo "${!format}" >"$top/apt/a.$format"
    good ".$format" SOURCES="$top/apt"
    [[ $(cat "$top/sources.list") =~ ^deb\ \[.*\]\ http://one.example/debian\ trixie\ main\ non-free$ ]] || fail ".$format: took $(cat "$top/sources.list")"
  done
else
  echo "cuda-toolkit.sh: self-test: found no apt-get: its sources were not read"
fi
echo "cuda-toolkit.sh: self-test passed"
