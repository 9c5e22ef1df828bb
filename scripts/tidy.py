#!/usr/bin/env python3
"""Runs clang-tidy on the sources in src/, two at a time (JOBS); usage: tidy.py BUILD_FOLDER.

Most of its time goes into the headers, which the files of a folder share: they are read together, some to a batch, and
one by one only where a batch is not clean (a finding, or names that stand in each other's way).
A file that was clean is not read again until it, any header, .clang-tidy or its compile command changes: the hashes of
clean files are kept in BUILD_FOLDER/tidy/. Kernels are read for the first of their instruction sets only.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-14"
# The sources are compiled by GCC: its warnings and pragmas are unknown to clang.
EXTRA = ["-Wno-unknown-warning-option", "-Wno-unknown-pragmas"]
BATCH = 12  # files
# What a file defines for itself, in column 0: types, aliases, functions, and constants anywhere.
OWN_NAME = re.compile(r"^(?:(?:struct|class|enum(?: class)?|union) (\w+)|using (\w+) =|[\w:\[].*?[ *&](\w+)\()|"
                      r"\b(k[A-Z]\w*)(?=\s*(?:=|\[|\{))", re.MULTILINE)


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


def own_names(path):
    """The names that a file defines between `namespace {` and its end."""
    text = Path(path).read_text()
    return {name for part in re.findall(r"^namespace \{$(.*?)^\}  // namespace$", text, re.MULTILINE | re.DOTALL)
            for match in OWN_NAME.finditer(part) for name in match.groups() if name}


def batches(paths):
    """The paths in lists: of one folder, of names that differ; a kernel file is alone."""
    result, open_lists = [], {}
    for path in paths:
        if path.endswith(".isa.cc"):
            result.append([path])
            continue
        names = own_names(path)
        of_folder = open_lists.setdefault(Path(path).relative_to(ROOT).parts[1], [])
        for batch, taken in of_folder:
            if len(batch) < BATCH and not names & taken:
                batch.append(path)
                taken |= names
                break
        else:
            of_folder.append(([path], names))
    return result + [batch for lists in open_lists.values() for batch, _ in lists]


class Tidy:
    def __init__(self, database, commands):
        self.database = database
        self.commands = commands

    def read(self, path):
        """(clean, what it says) of one source."""
        run = subprocess.run([TIDY, "-p", self.database, "--quiet", *(f"--extra-arg={arg}" for arg in EXTRA), path],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return run.returncode == 0, run.stdout + ("" if run.returncode == 0 else run.stderr)

    def read_batch(self, paths):
        """path -> (clean, what it says)."""
        if len(paths) > 1 and self.read(self.together(paths))[0]:
            return {path: (True, "") for path in paths}
        return {path: self.read(path) for path in paths}

    def together(self, paths):
        """A source that includes them all; HeaderFilterRegex of .clang-tidy names .cc files because of it."""
        source = self.database / f"{digest(*paths)[:16]}.cc"
        source.write_text("".join(f'#include "{path}"\n' for path in paths))
        return str(source)


def write_database(database, commands, groups, tidy):
    entries = list(commands.values())
    for paths in groups:
        if len(paths) > 1:
            first = commands[paths[0]]
            source = tidy.together(paths)
            entries.append({**first, "file": source, "command": first["command"].replace(paths[0], source)})
    (database / "compile_commands.json").write_text(json.dumps(entries))


def main():
    build = Path(sys.argv[1]).resolve()
    database = build / "tidy"
    database.mkdir(exist_ok=True)
    commands = sources(build)
    record = database / "clean.json"
    clean = set(json.loads(record.read_text())) if record.exists() else set()
    shared = shared_digest(build)
    keys = {path: digest(shared, Path(path).read_text(), entry["command"]) for path, entry in commands.items()}
    groups = batches(sorted(path for path, key in keys.items() if key not in clean))
    tidy = Tidy(database, commands)
    write_database(database, commands, groups, tidy)
    found = 0
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        for results in pool.map(tidy.read_batch, groups):
            for path, (is_clean, output) in results.items():
                if is_clean:
                    clean.add(keys[path])
                else:
                    found += 1
                    print(output.strip(), flush=True)
    record.write_text(json.dumps(sorted(clean & set(keys.values()))))
    print(f"clang-tidy: {sum(map(len, groups))} of {len(keys)} files read, {found} with findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
