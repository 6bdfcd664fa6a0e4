# shellcheck shell=bash
# What scripts of ci/ install on a Debian machine. A script reads this file with
#   . ci/packages.sh

# can_install says whether packages can be installed here.
can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# apt_install PACKAGE... installs packages, for one script at a time: two steps of .ci/run may want some.
apt_install() {
  # shellcheck disable=SC2016 # the inner shell expands it
  flock "${TMPDIR:-/tmp}/sparsebert-gpu-apt.lock" sh -c 'apt-get update -q && apt-get install -yq --no-install-recommends "$@"' apt_install "$@" >&2
}
