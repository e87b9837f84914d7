#!/usr/bin/env bash
# Measures what a ticket takes on disk: plays a file's tickets, many times over under new numbers, through the demonstration,
# once with COUNT tickets and once with twice as many, and divides the difference. Needs bin/jieli, jq and a minute.
# usage: test/sizing/disk.sh FILE [COUNT]        (FILE as for `jieli demo --input`; COUNT 2000)
set -euo pipefail

file=$1
count=${2:-2000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# lines N writes N tickets, made of the file's.
lines() {
	local all=0
	while ((all < $1)); do
		jq -c --arg round "$all" '.ticket.externalId = (.ticket.externalId // "X") + "-" + $round + "-" + (input_line_number | tostring)' "$file"
		all=$((all + $(wc -l <"$file")))
	done | awk -v most="$1" 'NR <= most'
}

# stores N gives the bytes of all regions' stores after N tickets, and how many copies of a ticket there are in all.
stores() {
	lines "$1" >"$work/lines"
	bin/jieli demo --exit --port-base 0 --data-dir "$work/demo" --input "$work/lines" -o json >"$work/counts"
	jq -r '.local + .unrouted + 2 * .handedOff' "$work/counts"
	du -sbc "$work"/demo/*/data/store | tail -1 | cut -f1
	rm -r "$work/demo"
}

mapfile -t few < <(stores "$count")
mapfile -t many < <(stores "$((2 * count))")
echo "$(((many[1] - few[1]) / (many[0] - few[0]))) bytes on disk for each copy of a ticket: its origin has one, and so has each region it was offered to"
echo "$(($(wc -c <"$file") / $(wc -l <"$file"))) bytes a line of the file, on average"
