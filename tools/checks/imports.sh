#!/usr/bin/env bash
# Imports point one way: proto <- regions <- federation <- gateway <- cmd. Tests of a package obey it too;
# only what lies under test/ and docs/ may import anything; configs/ imports nothing and all may import it.
# Usage: imports.sh BUILD_TAGS
set -euo pipefail
cd "$(dirname "$0")/../.."

go list -tags "$1" -f '{{range .Imports}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}{{range .TestImports}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}{{range .XTestImports}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}' ./... |
	awk -v module="$(go list -m)" '
	BEGIN { split("proto regions federation gateway cmd", order, " "); for (i in order) level[order[i]] = i + 0; level["configs"] = 0 }
	function layer(path,    parts) {
		if (index(path, module "/") != 1) return ""
		split(substr(path, length(module) + 2), parts, "/")
		return parts[1]
	}
	{
		from = layer($1); to = layer($2)
		if (from == "" || to == "" || from == to || from == "test" || from == "docs") next
		if (!(from in level)) { print $1 ": the top level has no place for " from; bad = 1; next }
		if (!(to in level) || level[to] > level[from]) { print $1 " imports " $2; bad = 1 }
	}
	END {
		if (bad) { print "imports point the wrong way: proto <- regions <- federation <- gateway <- cmd"; exit 1 }
		print "imports point one way"
	}'
