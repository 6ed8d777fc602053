"""Measure two builds of Anaphora by turns on the same work: an earlier one, and the one that a change made of it.

    python builds.py --before ../earlier/target/release/anaphora --binary ../target/release/anaphora
    python builds.py --before … --binary … --only translate --rounds 7

The rows are those of side_by_side.py, and a training of each task on built-in data. Each round runs each build once on
each row, as a process of its own, one soon after the other, and the order changes from round to round. The ratio is the
median of the rounds' own ratios, with the least and the greatest; above 1 the later build is the faster one.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from side_by_side import ROWS

# Each as `anaphora train` has it by default, but for the time it takes.
TASKS = {
    "music": "--builtin tunes",
    "classify": "--builtin names",
    "translate": "--builtin reverse",
    "caption": "--builtin scenes",
    "forecast": "--builtin seasonal",
    "trajectory": "--builtin ball",
    "memory": "--builtin adding",
    "chorales": "--builtin chorales",
    "events": "--builtin played",
}


def bench(binary, flags, seconds, threads):
    """Steps, or tokens, a second."""
    call = [binary, "bench", *flags.split(), "--threads", str(threads), "--json"]
    call += [] if flags.startswith("generate") else ["--seconds", str(seconds)]
    said = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
    return 1000 / said["step_ms"]["median"]


def train(binary, flags, seconds, threads):
    """Units a second, the median over what the training reports of its steps."""
    with tempfile.TemporaryDirectory() as folder:
        call = [binary, "train", *flags.split(), "--threads", str(threads), "--precision", "f32", "--steps", "1000000"]
        call += ["--minutes", str(seconds / 60), "--out", str(Path(folder, "run")), "--json"]
        lines = subprocess.run(call, check=True, capture_output=True, text=True).stdout.splitlines()
    steps = [event for event in map(json.loads, lines) if event["event"] == "step"]
    if not steps:
        raise SystemExit(f"no step was reported in {seconds} s of {flags}: give more --seconds")
    return statistics.median(step["tokens_per_second"] for step in steps[1:] or steps)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, help="the earlier build")
    parser.add_argument("--binary", default="target/release/anaphora", help="the later build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each run")
    parser.add_argument("--only", default="", help="rows with this in their name")
    args = parser.parse_args()
    rows = {(row.flags, row.precision): row.name.split(";")[0] for row in ROWS}
    work = [
        (f"{name}, {precision}", bench, f"{flags} --precision {precision}")
        for (flags, precision), name in rows.items()
    ]
    work += [(f"learn {task}, f32", train, flags) for task, flags in TASKS.items()]
    print("| work | before, ms a step or units/s | after | ratio |\n|---|---|---|---|")
    for name, measure, flags in work:
        if args.only not in name:
            continue
        speeds = []
        for number in range(args.rounds):
            builds = [args.before, args.binary]
            order = builds if number % 2 else builds[::-1]
            speed = {build: measure(build, flags, args.seconds, args.threads) for build in order}
            speeds.append([speed[build] for build in builds])
        ratios = [after / before for before, after in speeds]
        before, after = (statistics.median(side) for side in zip(*speeds))
        shown = [f"{1000 / speed:.3g} ms" if measure is bench else f"{speed:,.0f}/s" for speed in (before, after)]
        least, greatest = min(ratios), max(ratios)
        print(f"| {name} | {shown[0]} | {shown[1]} | {statistics.median(ratios):.2f} × ({least:.2f}–{greatest:.2f}) |", flush=True)


if __name__ == "__main__":
    main()
