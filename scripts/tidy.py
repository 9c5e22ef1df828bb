#!/usr/bin/env python3
"""Runs clang-tidy on the sources in src/, two at a time (JOBS); usage: tidy.py BUILD_FOLDER.

A file that was clean is not read again until it, any header, .clang-tidy or its compile command changes: the hashes of
clean files are kept in BUILD_FOLDER/tidy/. Kernels are read for the first of their instruction sets only.
"""
import concurrent.futures
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-14"
# The sources are compiled by GCC: its warnings and pragmas are unknown to clang.
EXTRA = ["-Wno-unknown-warning-option", "-Wno-unknown-pragmas"]


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def shared_digest(build):
    """What every file depends on: the settings and all headers."""
    files = [ROOT / ".clang-tidy", Path(__file__), *sorted((ROOT / "include").rglob("*.h")),
             *sorted((ROOT / "src").rglob("*.h")), *sorted((build / "include").rglob("*.h"))]
    return digest(*(str(file) + file.read_text() for file in files))


def sources(build):
    """path -> compile command, of the files in src/."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if entry["file"].startswith(f"{ROOT}/src/"):
            commands.setdefault(entry["file"], entry)
    return commands


def tidy(database, path):
    run = subprocess.run([TIDY, "-p", database, "--quiet", *(f"--extra-arg={arg}" for arg in EXTRA), path],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return run.returncode, run.stdout + ("" if run.returncode == 0 else run.stderr)


def main():
    build = Path(sys.argv[1]).resolve()
    database = build / "tidy"
    database.mkdir(exist_ok=True)
    commands = sources(build)
    (database / "compile_commands.json").write_text(json.dumps(list(commands.values())))
    record = database / "clean.json"
    clean = set(json.loads(record.read_text())) if record.exists() else set()
    shared = shared_digest(build)
    keys = {path: digest(shared, Path(path).read_text(), entry["command"]) for path, entry in commands.items()}
    todo = sorted(path for path, key in keys.items() if key not in clean)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        for path, (status, output) in zip(todo, pool.map(lambda path: tidy(database, path), todo)):
            if status == 0:
                clean.add(keys[path])
            else:
                failed += 1
                print(output.strip(), flush=True)
    record.write_text(json.dumps(sorted(clean & set(keys.values()))))
    print(f"clang-tidy: {len(todo)} of {len(keys)} files read, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
