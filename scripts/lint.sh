#!/usr/bin/env bash
# Everything that `make lint` checks; all of it runs, and one finding fails it.
set -uo pipefail
cd "$(dirname "$0")/.."

status=0
check() { "$@" || status=1; }

format() {
    local files found
    mapfile -t files < <(scripts/sources.sh)
    found=$(clang-format-14 --dry-run -Werror "${files[@]}" 2>&1 | sed -n 's/^\([^ :]*\):.*\[-Wclang-format-violations\]$/\1/p' | sort -u)
    [ -z "$found" ] || { echo "not formatted (make format does it):"; echo "$found"; return 1; }
    echo "clang-format: ${#files[@]} files"
}

check format
check scripts/check-ladder.py
check scripts/check-links.py
check scripts/tidy.py build/release
exit $status
