#!/usr/bin/env bash
# Runs the programs of build/release/benchmarks one after the other, or only those named. What they measure and with
# which arguments is told in docs/measuring.md.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$(dirname "$0")/.."

names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(find build/release/benchmarks -maxdepth 1 -type f -executable -printf '%f\n' | sort)
[ ${#names[@]} -gt 0 ] || fail "no program in build/release/benchmarks"
KVCOMPRESS_MODEL=$(scripts/get-model.sh)
export KVCOMPRESS_MODEL
for name in "${names[@]}"; do
    echo "--- $name"
    "build/release/benchmarks/$name" < /dev/null
done
