#!/bin/bash
# Runs on the bare Debian of deb.sh: installs, follows the printed steps, upgrades, stops, removes, purges.
# usage: inside.sh systemd|none
set -euo pipefail
manager=$1
cd /root

# step NUMBER [PATTERN] gives the commands of a step as postinst printed them, with the two names it leaves open filled in.
step() {
	awk -v n="$1." '$1 == n {on = 1; next} /^[0-9]+\. |^Stop / {on = 0} on && /^   [^ ]/ && !/^   (To |With)/ {print substr($0, 4)}' printed |
		grep -e "${2:-.}" | sed -e 's/REGION/suzhou/; s/YOUR-NAME/wangfang/'
}

# follow shows commands and runs them in one shell, as somebody would type them.
follow() {
	local commands
	commands=$(cat)
	sed 's/^/# /' <<<"$commands"
	bash -euc "$commands"
}

# healthy waits for the node.
healthy() {
	for _ in $(seq 60); do
		if jieli --token-file /root/jieli.token status --check >/dev/null 2>&1; then return; fi
		sleep 1
	done
	jieli --token-file /root/jieli.token status --check
	exit 1
}

running() { grep -qsx jieli /proc/[0-9]*/comm; }

echo "== dpkg -i"
dpkg -i jieli.deb 2>&1 | tee printed
if running; then
	echo "it was started unasked" >&2
	exit 1
fi
[[ "$(stat -c '%U:%G %a' /var/lib/jieli)" == "jieli:jieli 700" ]]

echo "== step 1: what vi would be used for, and the check"
sed -i -e 's/nameZh: ""/nameZh: "苏州12345热线中心"/; s/legalName: ""/legalName: "苏州市12345热线中心"/' \
	-e 's/dutyPhone: ""/dutyPhone: "0512-55512345"/; s/numberPrefix: ""/numberPrefix: "SZ"/' \
	-e 's/advertise: ""/advertise: "127.0.0.1:7345"/' /etc/jieli/jieli.yaml
step 1 'jieli config check' | follow
echo "== step 2"
step 2 | follow
echo "== step 3"
step 3 bootstrap | follow
echo "== step 4"
case "$manager" in
systemd)
	start=$(step 4 systemctl)
	stop='systemctl stop jieli'
	;;
none)
	start=$(step 4 nohup)
	stop='kill $(cat /var/lib/jieli/jieli.pid)'
	;;
esac
follow <<<"$start"
echo "== step 5"
healthy
step 5 | follow

echo "== upgrade; then stop, and start again without step 3"
dpkg -i jieli.deb 2>&1 | tail -1
healthy
grep -qF "$stop" printed
follow <<<"$stop"
for _ in $(seq 60); do
	if ! running; then break; fi
	sleep 1
done
follow <<<"$start"
healthy
jieli --token-file /root/jieli.token status --check
if [[ "$manager" == systemd ]]; then
	systemctl --no-pager status jieli | head -12
	echo "== systemd-analyze verify"
	systemd-analyze verify jieli.service
fi

echo "== remove, purge"
dpkg --remove jieli
if running || [[ -e /usr/bin/jieli ]]; then
	echo "removed, and still there" >&2
	exit 1
fi
dpkg --purge jieli
[[ ! -e /etc/jieli/jieli.yaml && -e /var/lib/jieli/store && -e /var/lib/jieli/pki ]]

echo "== purge that is asked to take tickets and keys too"
dpkg -i jieli.deb >/dev/null
JIELI_PURGE_DATA=yes dpkg --purge jieli
[[ ! -e /var/lib/jieli ]]
echo "== done: $manager"
