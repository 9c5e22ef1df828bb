#!/usr/bin/env bash
# Prints our C++ sources, one a line; with arguments, those below the given folders.
set -euo pipefail
cd "$(dirname "$0")/.."
folders=("$@")
[ $# -gt 0 ] || folders=(include src tests benchmarks fuzz scripts)
for folder in "${folders[@]}"; do
    [ ! -d "$folder" ] || find "$folder" -name '*.cc' -o -name '*.h'
done | sort
