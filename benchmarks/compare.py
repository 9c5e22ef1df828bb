#!/usr/bin/env python3
"""Ratios against llama.cpp and against kvcompress itself, from commands taken in turn.

    benchmarks/compare.py EXPERIMENT... --llama DIR [--models DIR] [--program FILE] [--threads 1,2] [--rounds 3]

DIR of --llama holds llama-bench, llama-perplexity and llama-completion. Experiments:

    decode      tokens/s of decoding at depth 0 and at a depth, full f16 cache (SmolLM2 7500, Qwen2.5 8192)
    ttft        time to the first token at 7,500 tokens of SmolLM2, full cache
    snapkv      snapkv at 512 of 7,500 tokens against the full cache at depth 512; the cost of compression
    bounded     peak bytes of bounded prefill at 8,000 and 32,000 tokens (Qwen2.5)
    batch       8 sequences at depth 2,048 against one
    neighbours  2 threads against 1 beside one busy process per core
    startup     run -n 1 on ten words against llama-completion
    perplexity  WikiText-2, 8 windows of 2048, against llama-perplexity on the same windows
    bits        tokens/s at a depth with the whole cache in 8, 4, 3 and 2 bits, against f16 and llama.cpp's q8_0 and q4_0
    divergence  KL from the f16 cache, same windows and scored tokens, of packed caches and of llama.cpp's q8_0 and q4_0

Every round runs each command once, in turn; a figure is the median over the rounds, with the lowest and the highest
in brackets. Needs Python 3 alone.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

SMOLLM2 = "smollm2-135m-instruct-q4_1.gguf"
QWEN25 = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
GEMMA3 = "gemma-3-270m-q4_k_m.gguf"


def output_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"compare.py: {' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout + done.stderr


def json_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"compare.py: {' '.join(command)}: exit {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def show(label, values, unit):
    middle = statistics.median(values)
    print(f"    {label:<58} {middle:10.2f} {unit}  [{min(values):.2f} .. {max(values):.2f}]", flush=True)
    return middle


class Bench:
    def __init__(self, args):
        self.args = args

    def model(self, name):
        return os.path.join(self.args.models, name)

    def llama(self, program):
        return os.path.join(self.args.llama, program)

    def ours(self, model, depth, threads, tokens=32, recipe="full", extra=()):
        command = [self.args.program, "bench", "-m", self.model(model), "--depth", str(depth), "-n", str(tokens),
                   "-r", "1", "-t", str(threads), "--recipe", recipe, "--json", *extra]
        return json_of(command)["results"][0]

    def theirs(self, model, threads, flash, depth=0, tokens=0, prompt=0, cache="f16"):
        """Tokens/s of llama-bench: decoding `tokens` at `depth`, or reading `prompt`."""
        command = [self.llama("llama-bench"), "-m", self.model(model), "-t", str(threads), "-fa", str(flash),
                   "-d", str(depth), "-n", str(tokens), "-p", str(prompt), "-r", "1", "-o", "json",
                   "-ctk", cache, "-ctv", cache]
        return json_of(command)[0]["avg_ts"]

    def rounds(self, commands):
        """Runs every command once a round, in turn. Returns name -> list of results."""
        results = {name: [] for name, _ in commands}
        for _ in range(self.args.rounds):
            for name, command in commands:
                results[name].append(command())
        return results

    def each_thread_count(self):
        for threads in self.args.threads:
            print(f"  {threads} thread{'s' if threads > 1 else ''}")
            yield threads


def decode(bench):
    for model, depth in ((SMOLLM2, 7500), (QWEN25, 8192)):
        print(f"decode, full f16 cache, {model}")
        for threads in bench.each_thread_count():
            speed = lambda at: bench.ours(model, at, threads)["decode_tokens_per_second"]
            commands = []
            for at in (0, depth):
                commands.append((f"kvcompress at {at}", lambda at=at: speed(at)))
                for flash in (0, 1):
                    commands.append((f"llama.cpp -fa {flash} at {at}",
                                     lambda at=at, flash=flash: bench.theirs(model, threads, flash, at, 32)))
            results = bench.rounds(commands)
            middle = {name: show(name, values, "tokens/s") for name, values in results.items()}
            best = {at: max((middle[f"llama.cpp -fa {flash} at {at}"], flash) for flash in (0, 1))
                    for at in (0, depth)}
            for at in (0, depth):
                name = f"llama.cpp -fa {best[at][1]} at {at}"
                show(f"ratio at {at} (llama.cpp at its better -fa {best[at][1]})",
                     [a / b for a, b in zip(results[f"kvcompress at {at}"], results[name])], "x")
            theirs = 1 / best[depth][0] - 1 / middle[f"llama.cpp -fa {best[depth][1]} at 0"]
            ours = 1 / middle[f"kvcompress at {depth}"] - 1 / middle["kvcompress at 0"]
            print(f"    attention part of a token: llama.cpp {theirs * 1e3:.2f} ms, kvcompress {ours * 1e3:.2f} ms, "
                  f"{theirs / ours:.2f} x sooner")


def ttft(bench):
    print(f"time to first token, 7,500 tokens, full cache, {SMOLLM2}")
    for threads in bench.each_thread_count():
        commands = [("kvcompress", lambda: bench.ours(SMOLLM2, 7500, threads, 1)["ttft_ms"] / 1e3)]
        for flash in (0, 1):
            commands.append((f"llama.cpp -fa {flash}",
                             lambda flash=flash: 7500 / bench.theirs(SMOLLM2, threads, flash, prompt=7500)))
        results = bench.rounds(commands)
        middle = {name: show(name, values, "s") for name, values in results.items()}
        better = min((0, 1), key=lambda flash: middle[f"llama.cpp -fa {flash}"])
        show(f"sooner than llama.cpp -fa {better}",
             [b / a for a, b in zip(results["kvcompress"], results[f"llama.cpp -fa {better}"])], "x")


def snapkv(bench):
    print(f"snapkv at 512 of 7,500 tokens, {SMOLLM2}")
    for threads in bench.each_thread_count():
        results = bench.rounds([
            ("full at 512", lambda: bench.ours(SMOLLM2, 512, threads)),
            ("snapkv 512 of 7,500", lambda: bench.ours(SMOLLM2, 7500, threads, 32, "snapkv", ("--budget", "512"))),
        ])
        full = [r["decode_tokens_per_second"] for r in results["full at 512"]]
        kept = [r["decode_tokens_per_second"] for r in results["snapkv 512 of 7,500"]]
        show("full at depth 512", full, "tokens/s")
        show("snapkv, 512 kept of 7,500", kept, "tokens/s")
        show("ratio", [a / b for a, b in zip(kept, full)], "x")
        show("compression, share of the time to first token",
             [100 * r["compress_ms"] / r["ttft_ms"] for r in results["snapkv 512 of 7,500"]], "%")
        cache = results["snapkv 512 of 7,500"][0]["cache"]
        print(f"    cache after decoding {cache['bytes']} bytes, {cache['ratio']:.2f}x smaller")


def bounded(bench):
    print(f"bounded prefill, snapkv at 512, {QWEN25}")
    for depth in (8000, 32000):
        extra = ("--budget", "512", "--prefill", "bounded")
        result = bench.ours(QWEN25, depth, max(bench.args.threads), 1, "snapkv", extra)
        print(f"    {depth} tokens: peak {result['cache']['bytes_peak']} bytes, "
              f"first token {result['ttft_ms'] / 1e3:.1f} s", flush=True)


def batch(bench):
    print(f"8 sequences at depth 2,048 against one, {SMOLLM2}")
    for threads in bench.each_thread_count():
        run = lambda n: bench.ours(SMOLLM2, 2048, threads, 32, "full", ("--batch", str(n)))["decode_tokens_per_second"]
        results = bench.rounds([("one", lambda: run(1)), ("eight", lambda: run(8))])
        show("one sequence", results["one"], "tokens/s")
        show("eight sequences", results["eight"], "tokens/s")
        show("ratio", [b / a for a, b in zip(results["one"], results["eight"])], "x")


def neighbours(bench):
    print(f"2 threads against 1 beside one busy process per core, {QWEN25}")
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        run = lambda threads: bench.ours(QWEN25, 0, threads, 64)["decode_tokens_per_second"]
        results = bench.rounds([("one", lambda: run(1)), ("two", lambda: run(2))])
        theirs = bench.rounds([(f"llama.cpp {n} threads", lambda n=n: bench.theirs(QWEN25, n, 0, 0, 16))
                               for n in (1, 2)])
    finally:
        for process in busy:
            process.kill()
    show("kvcompress, 1 thread", results["one"], "tokens/s")
    show("kvcompress, 2 threads", results["two"], "tokens/s")
    show("ratio", [b / a for a, b in zip(results["one"], results["two"])], "x")
    for name, values in theirs.items():
        show(name, values, "tokens/s")


def startup(bench):
    words = "Ten words are enough to see how long starting takes."
    print(f"startup: one token after ten words, {SMOLLM2}")

    def seconds(command):
        start = time.monotonic()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 0:
            sys.exit(f"compare.py: {' '.join(command)}: exit {done.returncode}")
        return time.monotonic() - start

    for threads in bench.each_thread_count():
        common = ["-m", bench.model(SMOLLM2), "-p", words, "-n", "1", "-t", str(threads)]
        results = bench.rounds([
            ("kvcompress run", lambda: seconds([bench.args.program, "run", *common, "--no-chat", "--greedy"])),
            ("llama-completion", lambda: seconds([bench.llama("llama-completion"), *common, "-no-cnv"])),
        ])
        for name, values in results.items():
            show(name, values, "s")
        show("ratio", [a / b for a, b in zip(results["kvcompress run"], results["llama-completion"])], "x")


def perplexity(bench):
    print("perplexity, WikiText-2, 8 windows of 2048, second half scored")
    for model in (SMOLLM2, QWEN25, GEMMA3):
        path = bench.model(model)
        if not os.path.exists(path):
            print(f"    {model}: skipped, not there")
            continue
        ours = json_of([bench.args.program, "eval", "ppl", "-m", path, "--data", bench.args.text, "--context",
                        "1024", "--target", "1023", "--limit", "8", "--recipe", "full", "--json", "-t", str(max(bench.args.threads))])
        with tempfile.NamedTemporaryFile() as whole:
            whole.write(open(bench.args.text, "rb").read()[:200000])
            whole.flush()
            text = output_of([bench.llama("llama-perplexity"), "-m", path, "-f", whole.name, "-c", "2048",
                              "--chunks", "8", "-b", "2048", "-t", str(max(bench.args.threads))])
        theirs = float(re.search(r"Final estimate: PPL = ([0-9.]+)", text).group(1))
        print(f"    {model}: kvcompress {ours['results'][0]['perplexity']:.4f}, llama.cpp {theirs:.4f}", flush=True)


def bits(bench):
    recipes = ("full", "q8", "q4", "rotated_q4", "rotated_q3", "kivi_2")
    for model, depth in ((SMOLLM2, 7500), (QWEN25, 8192)):
        print(f"decode by bits, depth {depth}, {model}")
        for threads in bench.each_thread_count():
            # One reading a recipe and round: the decoded tokens follow it.
            results = bench.rounds([(recipe, lambda recipe=recipe: bench.ours(model, depth, threads, 32, recipe))
                                    for recipe in recipes] +
                                   [(cache, lambda cache=cache: bench.theirs(model, threads, 1, depth, 16, 0, cache))
                                    for cache in ("q8_0", "q4_0")])
            speeds = {name: [r["decode_tokens_per_second"] if name in recipes else r for r in values]
                      for name, values in results.items()}
            for name, values in speeds.items():
                show(name if name in recipes else f"llama.cpp {name} -fa 1", values, "tokens/s")
            for name in recipes[1:]:
                show(f"{name} against f16", [a / b for a, b in zip(speeds[name], speeds["full"])], "x")
            for ours, theirs in (("q8", "q8_0"), ("rotated_q4", "q4_0")):
                show(f"{ours} against llama.cpp {theirs}", [a / b for a, b in zip(speeds[ours], speeds[theirs])], "x")


def divergence(bench):
    threads = str(max(bench.args.threads))
    for model in (SMOLLM2, QWEN25):
        path = bench.model(model)
        print(f"mean KL from the f16 cache, 2 windows of 2048, second half scored, {model}")
        ours = json_of([bench.args.program, "eval", "ppl", "-m", path, "--data", bench.args.text, "--context", "1024",
                        "--target", "1023", "--limit", "2", "--recipe", "full,q8,rotated_q4,q4,rotated_q3", "--json",
                        "-t", threads])
        for result in ours["results"]:
            if "kl_mean" in result:
                print(f"    {result['recipe']:<12} {result['kl_mean']:.5f}  top-1 {100 * result['top1_agreement']:.2f} %  "
                      f"{result['cache']['bytes'] / 1e6:.2f} MB", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            text, base = os.path.join(folder, "text"), os.path.join(folder, "base")
            with open(text, "wb") as out:
                out.write(open(bench.args.text, "rb").read()[:60000])
            common = [bench.llama("llama-perplexity"), "-m", path, "-f", text, "-c", "2048", "-b", "2048", "--chunks", "2",
                      "-t", threads, "--kl-divergence-base", base, "-fa", "on"]
            output_of(common)
            for cache in ("f16", "q8_0", "q4_0"):
                report = output_of([*common, "--kl-divergence", "-ctk", cache, "-ctv", cache])
                mean = re.search(r"Mean +KLD: +([-0-9.]+)", report).group(1)
                print(f"    llama.cpp {cache:<6} {mean}", flush=True)


EXPERIMENTS = {f.__name__: f for f in (decode, ttft, snapkv, bounded, batch, neighbours, startup, perplexity, bits,
                                       divergence)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiments", nargs="+", choices=[*EXPERIMENTS, "all"], metavar="EXPERIMENT")
    parser.add_argument("--llama", required=True, help="folder of llama.cpp's programs")
    parser.add_argument("--models", default=os.path.expanduser("~/.cache/kvcompress/models"))
    parser.add_argument("--program", default="build/bin/kvcompress")
    parser.add_argument("--text", default="../shared/data/ppl/wikitext2/wiki.test.raw")
    parser.add_argument("--threads", default=[1, 2], type=lambda text: [int(n) for n in text.split(",")])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    chosen = EXPERIMENTS if "all" in args.experiments else args.experiments
    for name in chosen:
        EXPERIMENTS[name](Bench(args))


if __name__ == "__main__":
    main()
