#!/usr/bin/env bash
# Installs the deb of dist/ on a bare Debian and follows, word for word, what it prints: once without systemd, once in a
# container that systemd boots. Then removes and purges the package and sees that tickets and keys are left.
# Needs root, mmdebstrap, systemd-nspawn and a Debian mirror; changes nothing outside a temporary directory and its own
# namespaces.
# usage: packaging/test/deb.sh [SUITE]        (default: bookworm)
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=${1:-bookworm}
for need in mmdebstrap unshare ip systemd-nspawn systemd-analyze; do
	if ! command -v "$need" >/dev/null; then
		echo "packaging/test/deb.sh: $need is not installed (apt-get install mmdebstrap iproute2 systemd systemd-container)" >&2
		exit 1
	fi
done
if ((EUID != 0)); then
	echo "packaging/test/deb.sh: needs root" >&2
	exit 1
fi
deb=$(ls dist/jieli_*_"$(dpkg --print-architecture)".deb)
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT

# debian FOLDER [PACKAGE...] makes a bare Debian with the deb in it.
debian() {
	local root=$1 more=("${@:2}")
	mmdebstrap --quiet --variant=minbase "${more[@]/#/--include=}" "$suite" "$root"
	install -m 0644 "$deb" "$root/root/jieli.deb"
	install -m 0755 packaging/test/inside.sh "$root/root/inside.sh"
}

echo "=== a bare Debian ($suite), without systemd"
debian "$work/plain"
# Its own processes, mounts and network, so that it can neither see nor disturb a node of this machine.
unshare --mount --pid --fork --net bash -euc '
	ip link set lo up
	mount -t proc proc "$1/proc"
	exec chroot "$1" /root/inside.sh none
' bash "$work/plain"

echo "=== a bare Debian ($suite), booted by systemd"
debian "$work/booted" systemd systemd-sysv
cat >"$work/booted/etc/systemd/system/inside.service" <<'UNIT'
[Unit]
SuccessAction=poweroff
FailureAction=poweroff
[Service]
Type=oneshot
ExecStart=/root/inside.sh systemd
StandardOutput=truncate:/root/said
StandardError=append:/root/said
[Install]
WantedBy=multi-user.target
UNIT
mkdir -p "$work/booted/etc/systemd/system/multi-user.target.wants"
ln -s ../inside.service "$work/booted/etc/systemd/system/multi-user.target.wants/inside.service"
timeout 300 systemd-nspawn --quiet --register=no --keep-unit --private-network -D "$work/booted" -b >"$work/boot.log" 2>&1 </dev/null ||
	tail -20 "$work/boot.log"
cat "$work/booted/root/said"
grep -qx '== done: systemd' "$work/booted/root/said"

echo "=== the unit, as systemd judges it"
mkdir "$work/unit"
dpkg-deb -x "$deb" "$work/unit"
systemd-analyze security --offline=true --root="$work/unit" --threshold=15 jieli.service | tail -1
