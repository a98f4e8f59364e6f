#!/usr/bin/env bash
# Runs every fuzz target for a while: scripts/fuzz.sh 60s
set -euo pipefail
cd "$(dirname "$0")/.."
for_each=${1:-60s}
for dir in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | cut -d' ' -f2 | sort -u); do
    echo "== $dir $target ($for_each)"
    # Making an input small is for the one that fails; the others are only kept.
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$for_each" -fuzzminimizetime 1s "$dir"
  done
done
