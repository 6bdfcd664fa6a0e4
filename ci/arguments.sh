# shellcheck shell=bash
# What every script of ci/ does with its words. A script reads this file with
#   . "$(dirname "$0")/arguments.sh"
# before it goes to another folder, and then calls one of the functions below. The comment at a script's head is its
# help: `--help` prints it.

script=$(realpath "$0") # before the script goes elsewhere

# help prints the comment at the head of the script.
help() { sed -nE '2,/^[^#]/{/^#( |$)/!d; /^# shellcheck/d; s/^# ?//; p}' "$script"; }

# refuse WORD EXPECTED... ends the script with one line and exit code 2.
refuse() {
  local found=$1 expected
  shift
  expected=$(printf '%s or ' "$@" --help)
  echo "$(basename "$0"): found ${found@Q}, expected ${expected% or }" >&2
  exit 2
}

# one_of WORDS... -- "$@" takes no word or one of those before the --, and ends the
# script at --help or at anything else.
one_of() {
  local known=() word
  while [ "$1" != -- ]; do known+=("$1"); shift; done
  shift
  if [ "${1:-}" = --help ] && [ $# = 1 ]; then help; exit 0; fi
  if [ $# = 0 ]; then return; fi
  for word in "${known[@]}"; do
    if [ "$1" = "$word" ]; then
      if [ $# = 1 ]; then return; fi
      shift
      break
    fi
  done
  if [ ${#known[@]} = 0 ]; then refuse "$1" "no argument"; fi
  refuse "$1" "${known[@]}"
}
