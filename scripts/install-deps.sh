#!/usr/bin/env bash
# Installs the Debian packages that are missing. Usage: install-deps.sh [SET]...      sets: build test check browser; default: build
# Without the right to install it prints the one line to run, and stops.
set -euo pipefail

. "$(dirname "$0")/common.sh"

# The versions are Debian 12's: g++ 12.2, CMake 3.25, fmt 9.1, spdlog 1.10, yaml-cpp 0.7, nlohmann-json 3.11, CLI11 2.1,
# Eigen 3.4, xxHash 0.8, D3 5.16, GoogleTest 1.12, Google Benchmark 1.7, LLVM 14.
build=(g++ make cmake ninja-build ccache pkg-config git python3 python3-pip
    libfmt-dev libspdlog-dev libyaml-cpp-dev nlohmann-json3-dev libcli11-dev libeigen3-dev libxxhash-dev node-d3)
test=("${build[@]}" libgtest-dev libbenchmark-dev)
check=("${test[@]}" clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev googletest g++-aarch64-linux-gnu qemu-user)
browser=(chromium-headless-shell fonts-dejavu-core) # 64 MB; without it the test that renders reports skips

command -v dpkg-query > /dev/null || {
    say "this is not Debian: nothing installed; what is needed, by Debian's names: ${check[*]}"
    exit 0
}

missing=()
for set in "${@:-build}"; do
    case $set in
        build | test | check | browser) ;;
        *) fail "expected build, test, check or browser, got $set" ;;
    esac
    declare -n packages=$set
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null)" = installed ] || missing+=("$package")
    done
done
[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)

line="apt-get install -y --no-install-recommends ${missing[*]}"
if [ "$(id -u)" = 0 ]; then
    as_root=()
elif sudo -n true 2> /dev/null; then
    as_root=(sudo -n)
else
    fail "needs packages that are not installed and may not install them; run: sudo $line"
fi

say "installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "$@" < /dev/null > "$log" 2>&1; }
apt update || say "apt-get update failed: $(grep -m 1 '^E:' "$log"); trying with the lists that are there"
apt install -y --no-install-recommends "${missing[@]}" ||
    fail "apt-get install failed: $(grep -m 1 '^E:' "$log" || tail -n 1 "$log"); run: $line"
