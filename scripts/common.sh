# Sourced by the scripts beside it.
# KVCOMPRESS_DOWNLOADS and KVCOMPRESS_MODELS move what is kept between checkouts, PYTHON names the interpreter that has
# pip, JOBS the number of compile jobs.
python=${PYTHON:-python3}
jobs=${JOBS:-$(nproc)}
downloads=${KVCOMPRESS_DOWNLOADS:-$HOME/.cache/kvcompress/downloads}
models=${KVCOMPRESS_MODELS:-$HOME/.cache/kvcompress/models}

say() { echo "$(basename "$0"): $*" >&2; }
fail() { say "$*"; exit 1; }

sha256_of() { sha256sum "$1" | cut -d ' ' -f 1; }
has_sha256() { [ -f "$1" ] && [ "$(sha256_of "$1")" = "$2" ]; }

pip_quietly() {
    local log
    log=$("$python" -m pip --disable-pip-version-check "$1" -q --no-cache-dir "${@:2}" 2>&1) ||
        fail "pip $1 failed: $(printf '%s\n' "$log" | grep -m 1 ERROR || printf '%s\n' "$log" | tail -n 1); is PyPI reachable?"
}
