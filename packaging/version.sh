#!/usr/bin/env bash
# Prints the version that packages of this commit have: 1.2.3 at tag v1.2.3; 1.2.3~rc.1 at v1.2.3-rc.1; 1.2.3+5.g0123abc
# five commits after v1.2.3; 0.0.0+20261124.0123abc before the first tag. deb and rpm allow no "-" in it, and sort it so.
# usage: packaging/version.sh DESCRIPTION COMMIT-TIME
set -euo pipefail

description=$1
time=$2

if [[ "$description" =~ ^v([0-9]+\.[0-9]+\.[0-9]+)(-(rc\.[0-9]+))?(-([0-9]+)-(g[0-9a-f]+))?(-dirty)?$ ]]; then
	version=${BASH_REMATCH[1]}${BASH_REMATCH[3]:+~${BASH_REMATCH[3]}}
	if [[ -n "${BASH_REMATCH[5]}" ]]; then
		version+="+${BASH_REMATCH[5]}.${BASH_REMATCH[6]}"
	fi
else
	version="0.0.0+$(date -u -d "@$time" +%Y%m%d).${description//[^0-9A-Za-z]/.}"
	version=${version%.dirty}
fi
if [[ "$description" == *-dirty ]]; then
	version+=.dirty
fi
echo "$version"
