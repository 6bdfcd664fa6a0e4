#!/usr/bin/env bash
# The licenses of everything that is linked into the programs, with and without the
# tag nvidia, on every system they are released for. Fails on a module without a
# license and on a license that ci/licenses does not know.
#   licenses.sh         looks, and says what it found
#   licenses.sh FILE    also writes all texts into FILE, for image and archives
# `go test ./ci/licenses` proves that what is missing or unknown is found.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
case "${1:-} $#" in
--help\ 1) help; exit 0 ;;
-* | *\ [!01]) refuse "${2:-$1}" "a file" ;;
esac
out=${1:+$(realpath -m "$1")}
cd "$(dirname "$0")/.."
CGO_ENABLED=0 go run ./ci/licenses ${out:+-out "$out"}
