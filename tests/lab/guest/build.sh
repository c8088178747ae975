#!/bin/bash
# Builds the lab's guest: Debian's kernel, a small initramfs and a root file system with Linux's own initiator and the
# SCSI utilities. As root; about a minute, most of it downloading; nothing is done when it is there already.
#
#   build.sh [--where] [DIR]      DIR is target/lab by default; prints the folder of the image, with --where does no more
set -euo pipefail
where=
if [ "${1:-}" = --where ]; then
    where=yes
    shift
fi
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
lab=${1:-${BULKHEAD_LAB:-${CARGO_TARGET_DIR:-$root/target}/lab}}

packages=(
    busybox-static mount udev kmod iproute2 procps util-linux
    open-iscsi sg3-utils lsscsi multipath-tools e2fsprogs fio
)
modules=(
    virtio_pci virtio_blk virtio_console virtio_rng e1000 ext4 crc32c_generic
    iscsi_tcp sg sd_mod sr_mod isofs scsi_dh_alua dm_multipath dm_round_robin dm_service_time
)
# Loaded before there is a root file system.
early=(virtio_pci virtio_blk crc32c_generic ext4)

image=$lab/$(cat "$here"/* | sha256sum | cut -c1-16)
echo "$image"
if [ -n "$where" ] || [ -e "$image/vmlinuz" ]; then
    exit 0
fi

mkdir -p "$lab"
exec 9>"$lab/lock"
flock 9
[ -e "$image/vmlinuz" ] && exit 0
work=$(mktemp -d "$lab/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
export DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin

{
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/*.sources 2>/dev/null || true)
    mmdebstrap --quiet --variant=essential --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --include="$(IFS=,; echo "${packages[*]}")" \
        bookworm "$work/root" ${mirror:+"$mirror"}

    # The kernel as its package has it: installing it would build an initramfs that is many times larger.
    kernel=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image-/ { print $2; exit }')
    (cd "$work" && apt-get download -qq "$kernel" && dpkg -x "$kernel"_*.deb kernel)
    version=$(basename "$work"/kernel/lib/modules/*)
    depmod -b "$work/kernel" "$version"
    needed() { modprobe -d "$work/kernel" -S "$version" --show-depends -a "$@" | awk '$1 == "insmod" { print $2 }'; }
    for file in $(needed "${modules[@]}" | sort -u); do
        install -D -m644 "$file" "$work/root/${file#"$work/kernel/"}"
    done
    find "$work/root/lib/modules" -name '*.ko.xz' -exec xz -d {} +
    cp "$work/kernel/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$work/root/lib/modules/$version/"
    depmod -b "$work/root" "$version"

    install -m755 "$here/init" "$work/root/lab-init"
    install -m755 "$here/agent" "$work/root/lab-agent"
    echo 'InitiatorName=iqn.2026-11.test.bulkhead:guest' >"$work/root/etc/iscsi/initiatorname.iscsi"
    # There is no service manager to start it.
    sed -i 's|^iscsid.startup *=.*|iscsid.startup = /sbin/iscsid|' "$work/root/etc/iscsi/iscsid.conf"
    rm -rf "$work/root"/var/cache/apt "$work/root"/var/lib/apt/lists
    mke2fs -q -t ext4 -d "$work/root" -m 0 "$work/root.img" 900M

    mkdir -p "$work"/early/{bin,dev,proc,sys,root,modules}
    cp "$work/root/bin/busybox" "$work/early/bin/"
    install -m755 "$here/early-init" "$work/early/init"
    number=10
    for file in $(needed "${early[@]}" | awk '!seen[$0]++'); do
        file=$work/root/${file#"$work/kernel/"}
        cp "${file%.xz}" "$work/early/modules/$((number++))-$(basename "${file%.xz}")"
    done
    (cd "$work/early" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd.img"

    rm -rf "$image"
    mkdir "$image"
    mv "$work/root.img" "$work/initrd.img" "$image/"
    # Last: it says that the rest is there.
    mv "$work/kernel/boot/vmlinuz-$version" "$image/vmlinuz"
} >"$lab/build.log" 2>&1 || { tail -20 "$lab/build.log" >&2; exit 1; }
