#!/usr/bin/env bash
# The runs of fuzz.md: SECONDS_EACH for every property, one after another. Needs cargo-fuzz, a nightly and a C++ compiler.
set -uo pipefail
cd "$(dirname "$0")/../.."
export ASAN_OPTIONS=detect_leaks=0
limits="-max_total_time=${SECONDS_EACH:-180} -max_len=4096 -rss_limit_mb=1024 -malloc_limit_mb=256 -timeout=20 -print_final_stats=1"
for package in readers kernels; do
    [ $package = kernels ] && flags="-s none --no-trace-compares" || flags=""
    for folder in fuzz/$package/corpus/*; do
        found=fuzz/$package/target/found/$(basename "$folder")
        mkdir -p "$found"
        nice -n 15 cargo +nightly fuzz run --fuzz-dir fuzz/$package $flags --features libfuzzer "$(basename "$folder")" \
            "$found" "$folder" -- $limits
    done
done
