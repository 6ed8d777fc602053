#!/usr/bin/env bash
# Builds the wheel of the Python module as `cargo build` builds the program, installs it in an environment of its own, and tests it there.
#   scripts/python.sh [ENVIRONMENT] [PYTEST'S ARGUMENTS ...]
set -euo pipefail
cd "$(dirname "$0")/.."
place=${1:-target/python}
shift || true
python3 -m venv "$place"
"$place/bin/pip" install -q 'maturin>=1.9.4,<2' numpy pandas polars pytest mypy
rm -rf "$place/wheels"
"$place/bin/maturin" build --quiet --profile dev --manifest-path crates/python/Cargo.toml --out "$place/wheels"
"$place/bin/pip" install -q --force-reinstall --no-deps "$place"/wheels/*.whl
"$place/bin/python" -m pytest -q crates/python/tests "$@"
