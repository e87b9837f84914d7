#!/bin/bash
# Runs on the bare Debian of deb.sh: installs, follows the printed steps, stops, removes, purges.
set -euo pipefail

# step NUMBER [PATTERN] gives the commands of a step as postinst printed them, with the two names it leaves open filled in.
step() {
	awk -v n="$1." '$1 == n {on = 1; next} /^[0-9]+\. |^Stop / {on = 0} on && /^   [^ ]/ && !/^   (To |With|[A-Z][a-z ]*:$)/ {print substr($0, 4)}' /root/printed |
		grep -e "${2:-.}" | sed -e 's/REGION/suzhou/; s/YOUR-NAME/wangfang/'
}

# follow shows commands and runs them in one shell, as somebody would type them.
follow() {
	local commands
	commands=$(cat)
	sed 's/^/# /' <<<"$commands"
	bash -euc "$commands"
}

echo "== dpkg -i"
dpkg -i /root/jieli.deb 2>&1 | tee /root/printed
if pgrep -x jieli >/dev/null 2>&1 || [[ -e /var/lib/jieli/store ]]; then
	echo "it was started unasked" >&2
	exit 1
fi
stat -c '%n %U:%G %a' /var/lib/jieli
[[ "$(stat -c '%U:%G %a' /var/lib/jieli)" == "jieli:jieli 700" ]]

echo "== step 1: what vi would be used for"
sed -i -e 's/nameZh: ""  /nameZh: "苏州12345" /; s/legalName: "" /legalName: "苏州市12345热线中心" /' \
	-e 's/dutyPhone: "" /dutyPhone: "0512-55512345" /; s/numberPrefix: "" /numberPrefix: "SZ" /' \
	-e 's/advertise: "" /advertise: "127.0.0.1:7345" /' /etc/jieli/jieli.yaml
step 1 'jieli config check' | follow
echo "== step 2"
step 2 | follow
echo "== step 3"
step 3 bootstrap | follow
echo "== step 4, without systemd"
step 4 'nohup' >/root/start
follow </root/start

echo "== step 5"
for _ in $(seq 60); do
	if jieli --token-file /root/jieli.token status --check >/dev/null 2>&1; then break; fi
	sleep 1
done
step 5 | follow

echo "== upgrade, then stop and start again without step 3"
dpkg -i /root/jieli.deb 2>&1 | tail -1
follow <<<'kill $(cat /var/lib/jieli/jieli.pid)'
while [[ -e /proc/$(cat /var/lib/jieli/jieli.pid) ]]; do sleep 1; done
follow </root/start
for _ in $(seq 60); do
	if jieli --token-file /root/jieli.token status --check; then break; fi
	sleep 1
done
jieli --token-file /root/jieli.token status --check

echo "== remove, purge"
dpkg --remove jieli
[[ ! -e /usr/bin/jieli && ! -e /var/lib/jieli/jieli.pid ]]
dpkg --purge jieli
[[ ! -e /etc/jieli/jieli.yaml ]]
ls /var/lib/jieli
[[ -e /var/lib/jieli/store && -e /var/lib/jieli/pki ]]

echo "== purge that is asked to take the data too"
dpkg -i /root/jieli.deb >/dev/null
JIELI_PURGE_DATA=yes dpkg --purge jieli
[[ ! -e /var/lib/jieli ]]
echo "== done"
