#!/usr/bin/env bash
# Makes a release with goreleaser, as .goreleaser.yaml says: archives for each system
# with licenses, checksums, and a list of what is in each program (SBOM).
#   release.sh             of the tag that is checked out, and publishes it (GITHUB_TOKEN)
#   release.sh --snapshot  into dist/, of the tree as it is, and publishes nothing
#   release.sh --check     looks at .goreleaser.yaml alone
# Needs what ci/build-cuda.sh needs, for the helper binary.
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
one_of --snapshot --check -- "$@"
. ci/versions.sh
if [ "${1:-}" = --check ]; then
  CGO_ENABLED=0 go run "$goreleaser" check
  echo "release: .goreleaser.yaml is sound"
  exit 0
fi
number=$(sed -nE 's/^const Number = "(.*)"/\1/p' internal/version/version.go)
if [ -z "${1:-}" ] && ! git tag --points-at HEAD | grep -qx "v$number"; then
  echo "release.sh: found no tag v$number on this commit, expected the one that internal/version names" >&2
  exit 1
fi
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
# What the release says of itself is the version's section of the changelog.
awk -v head="## $number" 'index($0, head) == 1 { on = 1; next } /^## / { on = 0 } on' CHANGELOG.md >"$tools/notes.md"
grep -q . "$tools/notes.md" || { echo "release.sh: found no section $number in CHANGELOG.md, expected one" >&2; exit 1; }
GOBIN=$tools CGO_ENABLED=0 go install "$goreleaser"
GOBIN=$tools CGO_ENABLED=0 go install "$cyclonedx"
ci/licenses.sh dist.licenses/THIRD_PARTY_LICENSES
ci/build-cuda.sh --cubins
settings=$(ci/cuda-toolkit.sh --env)
eval "$settings"
PATH=$tools:$PATH goreleaser release --clean --parallelism 2 --release-notes "$tools/notes.md" ${1:+--snapshot}
echo "release: made dist/ of version $number"
