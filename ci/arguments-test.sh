#!/usr/bin/env bash
# Calls every script of ci/ with --help, which must print something, and with a word
# that none knows, which must end with exit code 2 and one line. ci/test.sh hands such
# a word on to `go test`.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of -- "$@"
bad=0 count=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# called SCRIPT STATUS LINES WORD calls it and compares; LINES is a pattern.
called() {
  local status=0
  "$1" "$4" >"$said" 2>&1 </dev/null || status=$?
  if [ $status != "$2" ] || ! [[ $(wc -l <"$said") =~ ^($3)$ ]]; then
    echo "$1 $4: found exit code $status and $(wc -l <"$said") lines, expected $2 and $3: $(head -c 300 "$said")"
    bad=1
  fi
}
while read -r script; do
  count=$((count + 1))
  called "$script" 0 '[1-9]|[1-9][0-9]' --help
  [ "$script" = ci/test.sh ] || called "$script" 2 1 --no-such-word
done < <(git ls-files -co --exclude-standard 'ci/*.sh' .ci/run | while read -r f; do [ ! -x "$f" ] || echo "$f"; done | grep -v -- '-test\.sh$')

# A script that takes anything must not pass.
printf '#!/bin/sh\necho one; echo two\n' >"$said.sh"
chmod +x "$said.sh"
if (bad=0; called "$said.sh" 2 1 --no-such-word; [ $bad = 0 ]) >/dev/null; then
  echo "arguments-test.sh: did not find a script that takes anything" >&2
  bad=1
fi
rm -f "$said.sh"
[ $bad = 0 ] || exit 1
echo "arguments: $count scripts refuse what they do not know and have --help"
