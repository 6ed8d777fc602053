#!/usr/bin/env bash
# Fuzzes every reader for so many seconds each (60 where none are said), or the targets that are named behind.
#   scripts/fuzz.sh 3600 midi wav
# Needs a nightly compiler and cargo-fuzz (`cargo install cargo-fuzz`). What it finds lies in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=${*:-$(cargo +nightly fuzz list)}
for target in $targets; do
  echo "== $target"
  # What is found beyond the seeds stays out of the tree.
  mkdir -p "fuzz/target/found/$target"
  cargo +nightly fuzz run --sanitizer none "$target" "fuzz/target/found/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1
done
