#!/usr/bin/env python3
"""Checks who includes whom, and the size of files.

The ladder is the order of kvc_add_rung(...) in CMakeLists.txt. A file of src/RUNG may include files of its own rung, of
rungs before it and <kvcompress/...>. Headers of ggml and llama.cpp may be included only where LLAMA_PLACES says. The
first block of "The ladder" in docs/architecture.md must name the same rungs in the same order.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LLAMA_PLACES = ("src/dense/", "src/model/", "src/engine/sampler")
LLAMA_HEADER = re.compile(r"^(ggml|llama|gguf)\b.*\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)
MAX_LINES = 400


def ladder():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.findall(r"^kvc_add_rung\((\w+)\)", text, re.MULTILINE)


def sources(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cc", ".h"):
                yield path


def includes(path):
    text = path.read_text()
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1)


def check_rung(path, rungs):
    name = path.relative_to(ROOT).as_posix()
    rung = name.split("/")[1]
    if rung not in rungs:
        yield f"{name}: the folder src/{rung} is not a rung of the ladder; add kvc_add_rung({rung}) to CMakeLists.txt"
        return
    for line, header in includes(path):
        if LLAMA_HEADER.match(header) and not name.startswith(LLAMA_PLACES):
            yield f"{name}:{line}: {header}: headers of llama.cpp belong in {', '.join(LLAMA_PLACES)}"
        other = header.split("/")[0]
        if other in rungs and "/" in header and other != rung:
            if rungs.index(other) > rungs.index(rung):
                yield f"{name}:{line}: {header}: {rung} stands below {other} on the ladder and may not know it"


def check_public(path, rungs):
    name = path.relative_to(ROOT).as_posix()
    for line, header in includes(path):
        if header.split("/")[0] in rungs or LLAMA_HEADER.match(header):
            yield f"{name}:{line}: {header}: public headers in include/ know no rung and no llama.cpp"


def check_size(path):
    lines = path.read_text().count("\n")
    if lines > MAX_LINES:
        yield f"{path.relative_to(ROOT)}: expected at most {MAX_LINES} lines, got {lines}; split it"


def check_page(rungs):
    page = ROOT / "docs" / "architecture.md"
    if not page.exists():
        yield "docs/architecture.md is missing"
        return
    text = page.read_text()
    block = re.search(r"^## The ladder$.*?^```$(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    named = [name for line in block.group(1).splitlines() for name in line.split("  ")[0].split()] if block else []
    if named != rungs:
        yield f"docs/architecture.md: expected the ladder {' '.join(rungs)}, found {' '.join(named) or 'none'}"


def main():
    rungs = ladder()
    problems = []
    for path in sources("src"):
        problems += check_rung(path, rungs)
    for path in sources("include"):
        problems += check_public(path, rungs)
    for path in sources("include", "src", "tests", "benchmarks", "fuzz"):
        problems += check_size(path)
    problems += check_page(rungs)
    for problem in problems:
        print(problem)
    print(f"ladder: {' < '.join(rungs)}: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
