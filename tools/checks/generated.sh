#!/usr/bin/env bash
# Generates from the .proto files into a temporary directory and compares: a file that differs, is missing
# or is left over from a .proto that is gone fails. Needs buf and its plugins on PATH.
set -euo pipefail
cd "$(dirname "$0")/../.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

list_generated() {
	(cd "$1" && find proto gateway/api/openapi -type f \
		\( -name '*.pb.go' -o -name '*.pb.gw.go' -o -name '*.swagger.json' \) | LC_ALL=C sort)
}

buf generate --output "$fresh"

stale=0
if ! diff <(list_generated .) <(list_generated "$fresh"); then
	stale=1
fi
while read -r file; do
	if [[ -f $file ]] && ! cmp -s "$file" "$fresh/$file"; then
		echo "$file differs from what the .proto files give"
		stale=1
	fi
done < <(list_generated "$fresh")

if ((stale)); then
	echo "generated code is stale: run make proto and commit the result" >&2
	exit 1
fi
echo "generated code matches the .proto files"
