#!/usr/bin/env bash
# Prints the licence of every module in bin/jieli, and of Go itself: their terms ask that these go with the binary.
# usage: packaging/licences.sh TAGS
set -euo pipefail

tags=$1
rule='================================================================================'

# licence NAME DIRECTORY prints the licence files of a module; there must be one.
licence() {
	local found
	found=$(find "$2" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | LC_ALL=C sort)
	if [[ -z "$found" ]]; then
		echo "packaging/licences.sh: no licence in $2 ($1)" >&2
		exit 1
	fi
	while read -r file; do
		printf '%s\n%s: %s\n%s\n\n' "$rule" "$1" "$(basename "$file")" "$rule"
		cat "$file"
		echo
	done <<<"$found"
}

licence "Go $(go env GOVERSION)" "$(go env GOROOT)"
# A vendored build knows no directories of modules, but has their licences under vendor/.
go list -deps -tags "$tags" -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{or .Dir "-"}}{{end}}{{end}}' ./cmd/jieli |
	LC_ALL=C sort -u |
	while read -r path version directory; do
		if [[ "$directory" == - ]]; then
			directory=vendor/$path
		fi
		licence "$path $version" "$directory"
	done
