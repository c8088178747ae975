#!/bin/sh
# Builds fio with its libiscsi engine from Debian's source package, in about half a minute; Debian's own fio lacks it.
#
#   build-fio.sh [DIR]      as root, for apt; DIR is target/fio by default; prints the path of the binary
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=${1:-${CARGO_TARGET_DIR:-$root/target}/fio}
version=3.33
binary=$dir/fio-$version/fio
if ! [ -x "$binary" ]; then
    mkdir -p "$dir"
    # apt reads its usual sources, and of them the deb-src twin, from a list of ours: the machine's own stay as they are.
    awk '/^URIs:/ { print "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " $2 " bookworm main"; exit }' \
        /etc/apt/sources.list.d/*.sources >"$dir/sources.list"
    if ! [ -s "$dir/sources.list" ]; then
        echo "deb-src http://deb.debian.org/debian bookworm main" >"$dir/sources.list"
    fi
    mkdir -p "$dir/lists/partial"
    {
        apt-get install -y --no-install-recommends libiscsi-dev libaio-dev zlib1g-dev dpkg-dev make gcc
        cd "$dir"
        set -- -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$dir/lists"
        apt-get "$@" update
        apt-get "$@" source --download-only fio
        tar xf "fio_$version.orig.tar.gz"
        cd "fio-$version"
        ./configure --enable-libiscsi
        make -j"$(nproc)"
    } >"$dir/build.log" 2>&1 || { tail -20 "$dir/build.log" >&2; exit 1; }
fi
echo "$binary"
