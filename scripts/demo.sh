#!/usr/bin/env bash
# Reads a long document with the full cache and again with a compressed one, asks both the same question, and prints
# the two answers, the memory and the speed side by side. Needs the program (make build) and the model (get-model.sh).
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$(dirname "$0")/.."

program=${KVCOMPRESS_PROGRAM:-build/bin/kvcompress}
document=examples/tycho_brahe.txt
question='According to the text, which island did the King of Denmark offer to Tycho Brahe?'
recipe=(--recipe snapkv --budget 768)

[ -x "$program" ] || fail "$program is not there; run \`make build\` first"
model=$(scripts/get-model.sh)
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# $1: a name for the result; the rest: recipe options. The program's JSON has one figure a line.
ask() {
    "$program" run -m "$model" -f "$document" -p "$question" -n 48 --greedy -q -o "$results/$1" "${@:2}"
    echo
}
# $1: result, $2: a key that occurs once in it.
figure() { sed -n "s/^ *\"$2\": \([-+.0-9e]*\),\{0,1\}$/\1/p" "$results/$1" | head -n 1; }
# $1: label, $2: key, $3: divisor, $4: format of the number, $5: unit.
row() {
    awk -v label="$1" -v full="$(figure full "$2")" -v compressed="$(figure compressed "$2")" -v by="$3" -v form="$4" -v unit="$5" \
        'BEGIN { printf "%-24s %16s %16s\n", label, sprintf(form, full / by) unit, sprintf(form, compressed / by) unit }'
}

echo "Document  $(head -n 1 "$document")"
echo "Question  $question"
echo
echo "Full cache:"
ask full --recipe full
echo "Compressed (${recipe[*]}):"
ask compressed "${recipe[@]}"
printf '%-24s %16s %16s\n' '' 'full cache' 'compressed'
row 'prompt' prompt 1 %d ' tokens'
row 'cache while answering' bytes 1e6 %.1f ' MB'
row 'full f16 / this cache' ratio 1 %.2f x
row 'first token' ttft_ms 1000 %.2f ' s'
row 'of that, compressing' compress_ms 1 %.0f ' ms'
row 'then' tokens_per_second 1 %.1f ' tokens/s'
