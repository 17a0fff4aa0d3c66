#!/usr/bin/env bash
# What breaks users of the public API since a release: .ci/semver.sh v0.1.0
set -euo pipefail
cd "$(dirname "$0")/.."
baseline=${1:?the tag or commit of the last release}
command -v cargo-semver-checks >/dev/null || cargo install --locked cargo-semver-checks
status=0
for crate in gumbel-kernels gumbel; do
    cargo semver-checks --package "$crate" --baseline-rev "$baseline" || status=1
done
exit "$status"
