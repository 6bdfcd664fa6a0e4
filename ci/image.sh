#!/usr/bin/env bash
# Builds the image of Dockerfile.cuda with docker, and looks at what is in it. Needs
# docker, and no GPU.
#   image.sh         builds sparsebert-gpu:local
#   image.sh NAME    builds an image of that name
set -euo pipefail
. "$(dirname "$0")/arguments.sh"
cd "$(dirname "$0")/.."
case "${1:-} $#" in
--help\ 1) help; exit 0 ;;
-* | *\ [!01]) refuse "${2:-$1}" "an image's name" ;;
esac
name=${1:-sparsebert-gpu:local}
command -v docker >/dev/null || { echo "image.sh: found no docker, expected it" >&2; exit 1; }
docker build -f Dockerfile.cuda --build-arg COMMIT="$(git describe --always --dirty --exclude='*' --abbrev=12)" -t "$name" .
docker run --rm "$name" --version
for file in LICENSE NOTICE THIRD_PARTY_LICENSES; do
  docker run --rm --entrypoint test "$name" -s "/usr/share/doc/sparsebert-gpu/$file" || { echo "image.sh: found no $file in $name, expected it" >&2; exit 1; }
done
echo "image: built $name"
