#!/bin/sh
# Brings what the end-to-end suites need: from Debian when root, else it says what is missing. A test whose client is
# missing reports itself as ignored, with the reason; nothing here is needed to build or to run Bulkhead.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
packages="libiscsi-bin qemu-utils qemu-block-extra"
# For the lab: QEMU, and what makes the image of its guest. For the fuzz targets: libFuzzer is C++.
packages="$packages qemu-system-x86 mmdebstrap e2fsprogs cpio kmod xz-utils g++"
# File systems below images.
packages="$packages xfsprogs btrfs-progs"
missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed' || missing="$missing $package"
done
if [ "$(id -u)" != 0 ]; then
    [ -z "$missing" ] || echo "prepare: missing, tests that need it are skipped: apt-get install$missing"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "prepare: no apt-get here, tests that need$missing are skipped"
    exit 0
fi
if [ -n "$missing" ]; then
    echo "prepare: installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -q && apt-get install -qy --no-install-recommends $missing; } >/dev/null ||
        echo "prepare: not installed, tests that need it are skipped:$missing"
fi
if [ -z "${BULKHEAD_FIO:-}" ]; then
    "$here/build-fio.sh" >/dev/null || echo "prepare: fio could not be built, tests that need it are skipped"
fi
if command -v qemu-system-x86_64 >/dev/null; then
    "$here/../lab/guest/build.sh" >/dev/null || echo "prepare: the guest could not be built, the lab is skipped"
fi
