#!/bin/bash
# The first process of a box: makes a root of its own and becomes systemd in it.
#   box.sh FOLDER [SOURCE:TARGET ...]     run under `unshare` with mount, pid, uts, ipc, cgroup and net namespaces
# The root is an overlay of the machine's, whose changes live in memory: nothing is left anywhere. Sources are bound
# read-only. Everything is inside the namespaces and goes with the last process in them.
set -euo pipefail
folder=$1
shift

mount --make-rprivate /
mount -t tmpfs -o mode=755,size=3g tmpfs "$folder"
mkdir "$folder/changes" "$folder/work" "$folder/root"
root=$folder/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/changes,workdir=$folder/work" "$root"

mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys" # the machine's own sysctls
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
    : >"$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0 1 2; do
    case $number in 0) name=stdin ;; 1) name=stdout ;; *) name=stderr ;; esac
    ln -s "fd/$number" "$root/dev/$name"
done
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
for pair in "$@"; do
    target=$root${pair##*:}
    mkdir -p "$target"
    mount --bind "${pair%%:*}" "$target"
    mount -o remount,bind,ro "$target"
done

# Nothing of the machine starts in the box, and what makes no sense in one is masked.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/*.requires "$root"/etc/systemd/system/quantum*
rm -rf "$root/etc/quantum" "$root/opt/quantum" "$root/var/log/journal"
: >"$root/etc/fstab"
: >"$root/etc/machine-id"
echo box >"$root/etc/hostname"
hostname box
mkdir -p "$root/etc/tmpfiles.d" "$root/etc/systemd/journald.conf.d"
ln -sf /dev/null "$root/etc/tmpfiles.d/tmp.conf"
for unit in getty.target console-getty.service systemd-logind.service systemd-networkd.service ssh.service \
    systemd-resolved.service systemd-timesyncd.service systemd-firstboot.service systemd-update-utmp.service \
    systemd-update-utmp-runlevel.service systemd-sysctl.service systemd-modules-load.service \
    systemd-binfmt.service sys-fs-fuse-connections.mount e2scrub_reap.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
ip link set lo up

cd "$root"
mkdir -p .before
pivot_root . .before
umount -l /.before
mount --make-rshared / # as on a machine; credentials and private folders of services want it
exec env -i container=box PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal-or-kmsg --show-status=no </dev/null
