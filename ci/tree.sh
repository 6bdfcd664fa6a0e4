#!/usr/bin/env bash
# Checks on the tree as text: formatting, go.mod, file length, leftovers, paths
# of one machine. `tree.sh --self-test` proves that each kind of fault is found.
set -euo pipefail
cd "$(dirname "$0")/.."

# The words are put together here so that this file does not match itself.
leftovers="TO""DO|FIX""ME|X""XX"
machine="(^|[^A-Za-z0-9_./-])/(wo""rk|fa""rm|ro""ot)/"
hosts="proxy\.gol""ang\.org|deb\.deb""ian\.org|registry\.npm""js|pypi\.o""rg"

# texts FOLDER prints the offences in the Go, shell, CUDA and Markdown files below.
texts() {
  local bad=0 files
  files=$(cd "$1" && { git ls-files -co --exclude-standard 2>/dev/null || find . -type f; } | grep -E '\.(go|sh|cu|cuh|md|yaml|s)$' || true)
  for f in $files; do
    [ -f "$1/$f" ] || continue
    if grep -nEH "$leftovers" "$1/$f"; then echo "$f: left open"; bad=1; fi
    if grep -nEH "$machine" "$1/$f"; then echo "$f: a path of one machine"; bad=1; fi
    if grep -nEiH "$hosts" "$1/$f"; then echo "$f: a registry's host"; bad=1; fi
    case $f in
    *_gen.go) ;; # read by no one
    *.go | *.cu | *.cuh)
      local lines
      lines=$(wc -l <"$1/$f")
      if [ "$lines" -gt 500 ]; then echo "$f: $lines lines, expected at most 500"; bad=1; fi ;;
    esac
  done
  local unformatted
  unformatted=$(cd "$1" && echo "$files" | grep '\.go$' | xargs -r gofmt -l)
  if [ -n "$unformatted" ]; then echo "gofmt differs: $unformatted"; bad=1; fi
  return $bad
}

if [ "${1:-}" = --self-test ]; then
  dir=$(mktemp -d)
  trap 'rm -rf "$dir"' EXIT
  plant() { # NAME TEXT
    rm -f "$dir"/*
    printf '%b' "$2" >"$dir/$1"
    if (texts "$dir") >/dev/null 2>&1; then
      echo "tree.sh: did not find the planted fault in $1: $2" >&2
      exit 1
    fi
  }
  plant a.go "package a\n// TO""DO: later\n"
  plant a.go "package a\n\nvar  x = 1\n"
  plant a.md "see /ro""ot/notes\n"
  plant a.sh "curl pypi.o""rg\n"
  plant a.go "package a\n$(yes '//' | head -501 | tr '\n' '~' | sed 's/~/\\n/g')"
  rm -f "$dir"/*
  printf 'package a\n' >"$dir/a.go"
  texts "$dir" || { echo "tree.sh: found a fault where there is none" >&2; exit 1; }
  echo "tree.sh: self-test passed"
  exit 0
fi
texts .
go mod tidy -diff
echo "tree: clean"
