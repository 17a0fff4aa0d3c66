#!/usr/bin/env bash
# A reproduction made by GNU parallel, two runs at a time, one of them killed: its table is the plain one.
# Usage: results/scale/parallel.sh [GUMBEL]
set -euo pipefail
here=$(realpath "$(dirname "$0")")
gumbel=$(realpath "${1:-$here/../../target/release/gumbel}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch"/{plain,parallel}
reproduce=("$gumbel" reproduce jang-table-1 --budget smoke)

cd "$scratch/plain"
"${reproduce[@]}" --out table >/dev/null
cd "$scratch/parallel"
"${reproduce[@]}" --out table --jobs >jobs.txt
parallel --jobs 2 --joblog log.txt --retries 3 <jobs.txt >/dev/null &
engine=$!
# Kill the run that begins third.
until victim=$(pgrep -f -- "--run=$(sed -n '3s/.*--run=//p' jobs.txt)\$"); do sleep 0.01; done
until [ -f "table/$(sed -n '3s/.*--run=//p' jobs.txt)/config.toml" ]; do sleep 0.01; done
kill -9 $victim
wait $engine
"${reproduce[@]}" --collect table >/dev/null
echo "$(wc -l <jobs.txt) lines, $(tail -n +2 log.txt | wc -l) ended, exit codes: $(tail -n +2 log.txt | cut -f7 | sort | uniq -c | xargs)"
"$here/same_table.py" "$scratch/plain/table" "$scratch/parallel/table"
# The whole list again: nothing is done.
seconds=$(date +%s)
parallel --jobs 2 <jobs.txt | sort | uniq | grep -c 'finished earlier$' | sed 's/$/ lines say: finished earlier/'
echo "the list again: $(($(date +%s) - seconds)) s"
