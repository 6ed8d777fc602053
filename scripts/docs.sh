#!/usr/bin/env bash
# Runs the sessions of README.md and docs/ again and compares what they print; see docs.py for what it takes.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release
exec python3 scripts/docs.py --binary target/release/anaphora "$@"
