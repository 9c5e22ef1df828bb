#!/usr/bin/env bash
# Runs every fuzz target of build/asan for its share of FUZZ_SECONDS (60). What breaks one is kept in build/asan/found.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/common.sh

build=build/asan
seconds=${FUZZ_SECONDS:-60}
mkdir -p "$build/found"

# The recipes, models and sessions that mutation starts from; what earlier runs found interesting stays in CORPUS.
seeds=$build/seeds
rm -rf "$seeds"
mkdir -p "$seeds"/{gguf,recipe,session}
$build/fuzz/fuzz_seeds "$seeds/gguf" "$seeds/session"
for model in "$seeds"/gguf/*.gguf; do
    head -c 2000 "$model" > "$model.cut"
    { head -c 4 "$model"; printf '\2'; tail -c +6 "$model"; } > "$model.v2"
done
find recipes -name '*.yaml' | while read -r recipe; do cp "$recipe" "$seeds/recipe/${recipe//\//-}"; done

mapfile -t targets < <(find "$build/fuzz" -maxdepth 1 -name '*_fuzz' | sort)
[ ${#targets[@]} -gt 0 ] || fail "no fuzz target in $build/fuzz; run make fuzz"
for target in "${targets[@]}"; do
    name=$(basename "$target" _fuzz)
    log=$build/$name.log
    mkdir -p "$build/corpus/$name"
    if ! "$target" -max_total_time=$((seconds / ${#targets[@]})) -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
        -artifact_prefix="$build/found/$name-" -print_final_stats=1 "$build/corpus/$name" "$seeds/$name" > "$log" 2>&1; then
        grep -m 5 -E 'ERROR|runtime error|SUMMARY|Test unit written' "$log" >&2 || tail -n 5 "$log" >&2
        fail "$name: crashed; see $log"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    [ "${runs:-0}" -gt 100 ] || fail "$name: expected more than 100 runs, got ${runs:-none}; see $log"
    echo "fuzz $name: $runs inputs, no crash"
done
