#!/usr/bin/env bash
# Writes the generated pages of docs/ again: methods.md from the registry of methods and recipes.
set -euo pipefail
cd "$(dirname "$0")/.."
cmake --build --preset release --target methods_page > /dev/null
build/release/methods_page > build/release/methods.md
cmp -s build/release/methods.md docs/methods.md || { cp build/release/methods.md docs/methods.md; echo "docs/methods.md written"; }
