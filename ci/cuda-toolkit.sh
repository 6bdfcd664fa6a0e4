#!/usr/bin/env bash
# Finds a CUDA 12 toolkit or, where there is none, fetches one without installing
# it; makes sure that it works; prints its folder. docs/toolchain.md says how.
#
#   cuda-toolkit.sh              prints the folder: bin/nvcc, include/cuda.h
#   cuda-toolkit.sh --env        prints shell lines for: eval "$(ci/cuda-toolkit.sh --env)"
#   cuda-toolkit.sh --pinned ... takes no other nvcc than the one committed PTX is made with
#   cuda-toolkit.sh --self-test  proves that a broken or partial cache and every kind of failure is noticed
#
# SPARSEBERT_CUDA_DIR: the cache folder, by default
# ${XDG_CACHE_HOME:-$HOME/.cache}/sparsebert-gpu/cuda-12.4.
set -euo pipefail
self=$(readlink -f "$0")
repo=$(dirname "$(dirname "$self")")
. "$repo/ci/arguments.sh"

pinned=V12.4.131
suite=trixie
packages=(nvidia-cuda-toolkit nvidia-cuda-dev libnvvm4 libcudart12 libcu++-dev)
megabytes=1500 # packages and unpacked files together, at their peak

note() { echo "cuda-toolkit.sh: $*" >&2; }
die() { note "$@"; exit 1; }

# first_error LOG prints what a failed command complained of first, as one line.
first_error() {
  local line
  line=$(grep -m 1 '^E: ' "$1" || grep -m 1 -iE 'error|fatal|cannot|not found' "$1" || tail -n 1 "$1")
  echo "${line:-it said nothing}"
}

# probe TOOLKIT CC compiles a kernel that needs the headers for bf16, libdevice
# and, for compute_90a, instructions that no other target has.
probe() {
  local arch
  for arch in 80 90a; do
    "$1/bin/nvcc" -ccbin "$2" "-arch=compute_$arch" -ptx -o "$scratch/probe.ptx" "$scratch/probe.cu" || return
    grep -qx "\.target sm_$arch" "$scratch/probe.ptx" || { echo "error: nvcc made no PTX for sm_$arch"; return 1; }
    "$1/bin/ptxas" -v "-arch=sm_$arch" -o "$scratch/probe.cubin" "$scratch/probe.ptx" 2>&1 | tee "$scratch/ptxas.log" || return
    grep -qE 'Used [0-9]+ registers' "$scratch/ptxas.log" || { echo "error: ptxas reported no registers for sm_$arch"; return 1; }
  done
}

# works TOOLKIT sets cc to a host compiler that its nvcc accepts and stubs to the
# folder of the libcuda.so to link against; or sets why.
works() {
  local candidate tried=''
  cat >"$scratch/probe.cu" <<'KERNEL'
#include <cuda.h>
#include <cuda_bf16.h>
extern "C" __global__ void probe(float *y, const __nv_bfloat16 *x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
#if __CUDA_ARCH__ >= 900
  asm volatile("wgmma.fence.sync.aligned;");
#endif
  if (i < n) y[i] += erff(__bfloat162float(x[i]));
}
KERNEL
  stubs=''
  for candidate in "$1"/lib64/stubs "$1"/lib/*-linux-gnu/stubs "$1"/targets/*/lib/stubs; do
    if [ -e "$candidate/libcuda.so" ]; then stubs=$candidate; break; fi
  done
  [ -n "$stubs" ] || { why="found no stubs/libcuda.so to link against"; return 1; }
  why=''
  for candidate in "${CXX:-}" g++ g++-13 g++-12 g++-11; do
    command -v "${candidate:-none given}" >/dev/null || continue
    cc=$candidate
    if probe "$1" "$cc" >"$scratch/probe.log" 2>&1; then return 0; fi
    tried="$tried $cc"
    why=${why:-$(first_error "$scratch/probe.log")}
  done
  if [ -z "$tried" ]; then why="found no g++ for nvcc to use"; else why="cannot compile a kernel with$tried: $why"; fi
  return 1
}

# own sets toolkit to the machine's own: CUDA_HOME, else nvcc on PATH.
own() {
  local nvcc version accepted='V12.*'
  if [ -n "$only_pinned" ]; then accepted=$pinned; fi
  for nvcc in "${CUDA_HOME:+$CUDA_HOME/bin/nvcc}" "$(command -v nvcc || true)"; do
    if [ ! -x "$nvcc" ]; then continue; fi
    toolkit=$(dirname "$(dirname "$(readlink -f "$nvcc")")")
    if [ "$toolkit" = "$cache" ]; then continue; fi # the environment of --env; its files are looked at below
    version=$("$nvcc" --version 2>/dev/null | grep -oE 'V[0-9]+(\.[0-9]+)+' | head -n 1 || true)
    # shellcheck disable=SC2254 # a pattern is meant
    case $version in
    $accepted) if works "$toolkit"; then return 0; else note "$nvcc: $why: not used"; fi ;;
    *) note "$nvcc: found ${version:-no version}, expected $accepted: not used" ;;
    esac
  done
  return 1
}

# inventory FOLDER prints every link with its target and every file with its hash.
inventory() (
  cd "$1" && find . -type l -printf 'link %p %l\n' | LC_ALL=C sort &&
    find . -type f ! -path ./.inventory -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
)

# intact FOLDER: every byte is as it was when the folder was made; or sets why.
intact() {
  why=''
  [ -e "$1" ] || return 1
  why="$1: broken: found no .inventory"
  [ -f "$1/.inventory" ] || return 1
  inventory "$1" >"$scratch/inventory" 2>/dev/null || true
  if cmp -s "$scratch/inventory" "$1/.inventory"; then return 0; fi
  why="$1: broken: $(diff "$1/.inventory" "$scratch/inventory" | awk '/^[<>]/ {print $NF; exit}') is not as it was unpacked"
  return 1
}

# mirrors prints the Debian mirrors that apt uses on this machine.
# apt itself reads its sources, whatever their format, and lists what it would fetch.
mirrors() {
  apt-get -o Dir::State::lists="$scratch" update --print-uris 2>/dev/null |
    sed -nE "s#^'(.*)/dists/(buster|bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable)/main/binary-.*#\1#p" |
    awk '!seen[$0]++'
}

# apt FOLDER WORD... runs apt-get there on the state in $store alone, with the machine's own
# settings for proxies but none of its sources, pins and hooks.
apt() { (cd "$1" && apt-get -q -y -c "$store/apt.conf" "${@:2}"); }

# choose_mirror leaves in $store lists in which apt finds all packages, and what
# they are in wanted. It asks in an empty folder: apt leaves out what it has already.
choose_mirror() {
  local mirror found='' key='' ring why='found no Debian mirror in the sources of apt'
  for ring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
    if [ -r "$ring" ]; then key=" signed-by=$ring"; break; fi
  done
  for mirror in $(mirrors); do
    echo "deb [arch=amd64 lang=none target=Packages$key] $mirror $suite main non-free" >"$store/sources.list"
    if ! apt "$store" update >"$store/log" 2>&1; then
      why="apt-get update: $(first_error "$store/log")"
    elif ! apt "$store/empty" download --print-uris "${packages[@]}" >"$store/wanted" 2>"$store/log"; then
      why="apt-get download: $(first_error "$store/log")"
    elif [ "$(wc -l <"$store/wanted")" != ${#packages[@]} ]; then
      why="$mirror: found $(wc -l <"$store/wanted") packages, expected ${#packages[@]}"
    else
      found=yes
      break
    fi
  done
  [ -n "$found" ] || die "fetching CUDA 12.4: $why; or install a CUDA 12 toolkit and set CUDA_HOME"
}

# download brings every package into $store/packages, going on from what an
# earlier run left there. apt takes a complete file as it is, so its hash is looked at here.
download() {
  local file size hash
  while read -r _ file size hash; do
    file=$store/packages/$file
    if [ -e "$file" ] && [ "$(stat -c %s "$file")" -ge "$size" ] && ! sha256sum --status -c <<<"${hash#SHA256:}  $file"; then
      rm -f "$file"
    fi
  done <"$store/wanted"
  apt "$store/packages" download "${packages[@]}" >"$store/log" 2>&1 || die "apt-get download: $(first_error "$store/log")"
  while read -r _ file size hash; do
    sha256sum --status -c <<<"${hash#SHA256:}  $store/packages/$file" 2>/dev/null ||
      die "$file: found another hash than apt's index has, expected $hash; run again"
  done <"$store/wanted"
}

# rearrange RAW FOLDER moves what the packages of Debian hold to where NVIDIA has it.
rearrange() {
  local debian=$1/usr/lib/nvidia-cuda-toolkit
  rm -f "$1/usr/bin/nvcc" "$1/usr/bin/compute-sanitizer" &&
    mkdir -p "$2/nvvm/bin" &&
    mv "$1/usr/bin" "$1/usr/include" "$1/usr/share/doc" "$debian/compute-sanitizer" "$2" &&
    mv "$debian/bin/nvcc" "$debian/bin/crt" "$2/bin" &&
    mv "$debian/bin/cicc" "$2/nvvm/bin" &&
    mv "$debian/libdevice" "$2/nvvm" &&
    mv "$1/usr/lib/x86_64-linux-gnu" "$2/lib64" &&
    ln -s ../compute-sanitizer/compute-sanitizer "$2/bin/compute-sanitizer"
}

# unpack FOLDER lays the packages out as NVIDIA's own installer does, so that
# nvcc finds its parts from where it stands. Of the static libraries only those
# that nvcc links by default are kept: the rest are 2 GB.
unpack() {
  local file raw=$1/raw
  rm -rf "$1"
  mkdir -p "$raw"
  while read -r _ file _; do
    dpkg-deb --fsys-tarfile "$store/packages/$file" | tar -x -C "$raw" --no-same-owner --no-wildcards-match-slash \
      --exclude='*_nocallback.a' --exclude='lib[!c]*_static.a' --exclude='libcu[!d]*_static.a' ||
      die "$file: cannot unpack it into $raw"
  done <"$store/wanted"
  rearrange "$raw" "$1" 2>/dev/null || die "the packages of $suite: found another layout than expected"
  cat >"$1/bin/nvcc.profile" <<'PROFILE'
TOP = $(_HERE_)/..
NVVMIR_LIBRARY_DIR = $(TOP)/nvvm/libdevice
LD_LIBRARY_PATH += $(TOP)/lib64:
PATH += $(TOP)/nvvm/bin:$(_HERE_):
INCLUDES += "-I$(TOP)/include" $(_SPACE_)
LIBRARIES =+ $(_SPACE_) "-L$(TOP)/lib64/stubs" "-L$(TOP)/lib64"
PROFILE
  rm -rf "$raw"
  find "$1" -xtype l -delete # links to libraries of packages that are not fetched
  inventory "$1" >"$scratch/inventory"
  mv "$scratch/inventory" "$1/.inventory"
}

# fetch makes the folder $1, or dies and leaves no such folder.
fetch() {
  store=$1.download
  local free tool
  for tool in apt-get dpkg dpkg-deb; do
    command -v $tool >/dev/null || die "found no $tool to fetch CUDA 12.4 with; install a CUDA 12 toolkit and set CUDA_HOME"
  done
  [ "$(dpkg --print-architecture)" = amd64 ] || die "found $(dpkg --print-architecture), expected amd64 to fetch CUDA 12.4; install a CUDA 12 toolkit and set CUDA_HOME"
  mkdir -p "$store/packages" "$store/empty" "$store/lists/partial" "$store/cache"
  free=$(($(df -Pk "$store" | awk 'NR == 2 {print $4}') / 1024 + $(du -sm "$store" | cut -f 1)))
  [ "$free" -ge "$megabytes" ] || die "$(dirname "$1"): found $free MB free, expected at least $megabytes MB; SPARSEBERT_CUDA_DIR names another folder"
  note "fetching CUDA 12.4 (1 GB) into $1"
  : >"$store/status"
  cat >"$store/apt.conf" <<CONF
Dir::Etc::sourcelist "$store/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$store/lists";
Dir::State::status "$store/status";
Dir::Cache "$store/cache";
APT::Sandbox::User "$(id -un)";
APT::Update::Error-Mode "any";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
#clear APT::Default-Release;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
CONF
  choose_mirror
  download
  unpack "$1.unpack"
  rm -rf "$1.old"
  if [ -e "$1" ]; then mv "$1" "$1.old"; fi
  mv "$1.unpack" "$1"
  rm -rf "$1.old" "$store"
}

# cached sets toolkit to the cache folder, made or made again where needed. One
# run at a time makes it; the lock is also held by what a killed run left running.
cached() {
  toolkit=$cache
  case $toolkit/ in
  *[[:space:]\"\'\\]*) die "$toolkit: found a space or a quote in the cache folder's name, which compiler flags cannot carry" ;;
  "$repo"/*) die "$toolkit: found the cache folder in the repository, expected it outside" ;;
  esac
  if ! intact "$toolkit"; then
    [ -z "$why" ] || note "$why: fetching it again"
    mkdir -p "$(dirname "$toolkit")" 2>/dev/null || true
    { true >>"$toolkit.lock"; } 2>/dev/null || die "$toolkit.lock: cannot write it; SPARSEBERT_CUDA_DIR names another folder"
    exec 9>>"$toolkit.lock"
    flock -n 9 || { note "waiting for another run"; flock 9; }
    if ! intact "$toolkit"; then fetch "$toolkit"; fi
    exec 9>&-
  fi
  works "$toolkit" || die "$toolkit: $why"
}

only_pinned='' mode=folder
for word in "$@"; do
  case $word in
  --pinned) only_pinned=yes ;;
  --env) mode='env' ;;
  --help) help; exit 0 ;;
  --self-test) exec "$repo/ci/cuda-toolkit-test.sh" ;;
  *) note "found $word, expected --env, --pinned, --self-test or --help"; exit 2 ;;
  esac
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
[ -n "${SPARSEBERT_CUDA_DIR:-}${XDG_CACHE_HOME:-}${HOME:-}" ] || die "found none of SPARSEBERT_CUDA_DIR, XDG_CACHE_HOME and HOME set, expected one for the cache folder"
cache=$(realpath -m "${SPARSEBERT_CUDA_DIR:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/sparsebert-gpu/cuda-12.4}")
own || cached
if [ $mode = folder ]; then echo "$toolkit"; exit; fi
cat <<ENV
export CUDA_HOME=$toolkit
export PATH=$toolkit/bin:"\$PATH"
export NVCC_PREPEND_FLAGS="-ccbin $cc"
export CGO_CFLAGS="\${CGO_CFLAGS:--O2 -g} -I$toolkit/include"
export CGO_LDFLAGS="\${CGO_LDFLAGS:--O2 -g} -L$stubs"
ENV
