#!/usr/bin/env bash
# Builds the pinned llama.cpp (libllama and libggml, static, for this machine) and prints the folder it is in: DIR/src is
# the source, DIR/build the build tree, which is what KVC_LLAMA_DIR wants.
# Usage: get-llama.sh [--source-only] [DIR]        default DIR: build/deps/llama
# The source is that of the llama-cpp-python source package on PyPI. What is there already for this machine and compiler
# is not made again.
set -euo pipefail

version=0.3.36
sha256=832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"

source_only=
[ "${1:-}" != --source-only ] || { source_only=1; shift; }
mkdir -p "${1:-$here/../build/deps/llama}"
dir=$(cd "${1:-$here/../build/deps/llama}" && pwd)

exec 9> "$dir/.lock"
flock 9

# pip reads the metadata of a source package by running its build backend, so the backend must be there; every file is
# checked against its hash before any of it runs.
download() (
    file=$1
    tools=$(mktemp -d "$dir/.tools.XXXXXX")
    trap 'rm -rf "$tools"' EXIT
    cat > "$tools/backend.txt" <<- END
	scikit-build-core==1.1.2 --hash=sha256:7f4f959a467692db50bdd1ea7ce1507f2c7972e6023b753ee302d169bc4cec85
	packaging==26.3 --hash=sha256:d7193f7c8e4e93f444fde0262bf90af30e16fa0ad0ad44cb553c87339b23cd1c
	pathspec==1.1.1 --hash=sha256:a00ce642f577bf7f473932318056212bc4f8bfdf53128c78bbd5af0b9b20b189
	END
    echo "llama-cpp-python==$version --hash=sha256:$sha256" > "$tools/source.txt"
    pip_quietly install --no-deps --only-binary :all: --target "$tools/python" -r "$tools/backend.txt"
    PYTHONPATH=$tools/python pip_quietly download --no-deps --no-build-isolation --no-binary llama-cpp-python \
        -d "$tools" -r "$tools/source.txt"
    mkdir -p "$(dirname "$file")"
    mv "$tools/llama_cpp_python-$version.tar.gz" "$file"
)

get_source() {
    local file=$downloads/llama_cpp_python-$version.tar.gz
    has_sha256 "$file" "$sha256" || { say "downloading llama.cpp (77 MB)"; download "$file"; }
    has_sha256 "$file" "$sha256" || fail "$file: expected SHA-256 $sha256, got $(sha256_of "$file"); delete it and try again"
    rm -rf "$dir/src" "$dir/unpacked"
    mkdir "$dir/unpacked"
    tar -xzf "$file" -C "$dir/unpacked" --strip-components=2 "llama_cpp_python-$version/vendor/llama.cpp"
    mv "$dir/unpacked/llama.cpp" "$dir/src"
    rm -rf "$dir/unpacked"
    echo "$version" > "$dir/source-version"
}

# ggml-base is compiled for this machine too: its conversions from every weight type run there.
build() {
    local flags=-march=native log=$dir/build.log
    local launcher=()
    # Without this, ggml would take the commit of the repository around it for its own.
    export GIT_CEILING_DIRECTORIES=$dir
    if command -v ccache > /dev/null; then
        # "native" names another target on another machine, which ccache cannot see.
        export CCACHE_DIR=${CCACHE_DIR:-$here/../build/ccache} CCACHE_NAMESPACE=$machine
        launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    fi
    say "building llama.cpp with $jobs jobs (some minutes, once); log: $log"
    rm -rf "$dir/build"
    cmake -S "$dir/src" -B "$dir/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
        -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_C_FLAGS="$flags" -DCMAKE_CXX_FLAGS="$flags" \
        -DCMAKE_C_FLAGS_RELEASE="-O3 -DNDEBUG" -DCMAKE_CXX_FLAGS_RELEASE="-O3 -DNDEBUG" "${launcher[@]}" \
        -DGGML_NATIVE=ON -DGGML_LLAMAFILE=ON -DGGML_OPENMP=OFF -DGGML_CCACHE=OFF -DGGML_ALL_WARNINGS=OFF \
        -DLLAMA_ALL_WARNINGS=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_COMMON=OFF -DLLAMA_BUILD_TESTS=OFF \
        -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_APP=OFF \
        > "$log" 2>&1 || fail "cmake failed: $(grep -m 1 'CMake Error' -A 2 "$log" | tr '\n' ' '); see $log"
    cmake --build "$dir/build" -j "$jobs" --target llama ggml ggml-cpu ggml-base >> "$log" 2>&1 ||
        fail "the build failed: $(grep -m 1 -E 'error:|FAILED' "$log"); see $log"
}

[ "$(cat "$dir/source-version" 2> /dev/null)" = "$version" ] && [ -f "$dir/src/CMakeLists.txt" ] || get_source
if [ -z "$source_only" ]; then
    machine=$({ sed -n '/^\(model name\|flags\|Features\)/p' /proc/cpuinfo | sort -u; ${CXX:-c++} --version; } |
        sha256sum | cut -c 1-16)
    stamp="$version $machine $(sha256_of "$0")"
    if [ "$(cat "$dir/built" 2> /dev/null)" != "$stamp" ]; then
        start=$SECONDS
        build
        echo "$stamp" > "$dir/built"
        say "llama.cpp built in $((SECONDS - start)) s"
    fi
fi
echo "$dir"
