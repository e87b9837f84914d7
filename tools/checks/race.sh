#!/usr/bin/env bash
# Runs the tests of the given packages under the race detector, in -short. The detector needs a C compiler;
# where there is none this says so and goes on.
# Usage: race.sh BUILD_TAGS TIMEOUT PACKAGE...
set -euo pipefail
cd "$(dirname "$0")/../.."

tags=$1 timeout=$2
shift 2

if (($# == 0)); then
	exit 0
fi
if ! command -v "$(go env CC)" >/dev/null; then
	echo "race detector: skipped, it needs a C compiler and $(go env CC) is not installed" >&2
	exit 0
fi
CGO_ENABLED=1 go test -race -short -p 1 -tags "$tags" -timeout "$timeout" "$@"
