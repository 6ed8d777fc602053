"""What each optimizer learns in the same number of steps, or in the same time, by turns.

    python optimizers.py irish.abc --steps 500 adamw:0.003 muon:0.003 muon:0.01 lion:0.0003
    python optimizers.py tinyshakespeare.txt --minutes 1 --rounds 3 adamw:0.003 muon:0.01 -- --backbone transformer

Each contender is an optimizer and its learning rate, and further fields of `[training]` if wanted: `muon:0.01,momentum=0.95`.
What stands behind `--` goes to every training. Contenders take turns, each round with a seed of its own; a line of the table
is the mean over the rounds of the best validation loss, in nats, with the least and the greatest, and the median time of a
step, validations left out. Needs the release build of `anaphora` and nothing else.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BINARY = Path(__file__).parent.parent / "target" / "release" / "anaphora"


def train(args, contender, seed, folder):
    """Best validation loss and milliseconds a step of one training."""
    optimizer, settings = contender.split(":", 1)
    rate, *fields = settings.split(",")
    fields = [f"optimizer={optimizer}", f"learning_rate={rate}", "patience=0", *fields]
    budget = ["--minutes", args.minutes] if args.minutes else ["--steps", args.steps]
    command = [args.binary, "train", args.data, "--out", folder, "--seed", seed, *budget, *args.rest]
    command += [word for field in fields for word in ("--set", f"training.{field}")]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr.strip().splitlines()[-1]
    records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = [record for record in records if record["kind"] == "train"]
    losses = [record["loss"] for record in records if record["kind"] == "validation"]
    # Between two lines of training without a validation among them.
    times, last = [], None
    for record in records:
        if record["kind"] == "train" and last:
            times.append(1e3 * (record["seconds"] - last["seconds"]) / (record["step"] - last["step"]))
        last = record if record["kind"] == "train" else None
    return min(losses), (statistics.median(times), steps[-1]["step"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("contenders", nargs="+", metavar="OPTIMIZER:RATE")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--binary", type=Path, default=BINARY)
    words, rest = sys.argv[1:], []
    if "--" in words:
        words, rest = words[: words.index("--")], words[words.index("--") + 1 :]
    args = parser.parse_args(words)
    args.rest = rest
    results = {contender: [] for contender in args.contenders}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.rounds):
            for contender in args.contenders:
                loss, cost = train(args, contender, number + 1, Path(folder) / f"{number}-{len(results[contender])}-{contender.replace(':', '-')}")
                if loss is None:
                    print(f"{contender}: {cost}", file=sys.stderr)
                    continue
                results[contender].append((loss, *cost))
                print(json.dumps({"contender": contender, "seed": number + 1, "loss": loss, "ms": cost[0], "steps": cost[1]}), flush=True)
    print("| optimizer | loss, nats | least and greatest | steps | a step |")
    print("|---|---|---|---|---|")
    for contender, found in results.items():
        if found:
            losses, times, steps = zip(*found)
            spread = f"{min(losses):.4f} to {max(losses):.4f}"
            row = [contender, f"{statistics.mean(losses):.4f}", spread, f"{statistics.mean(steps):.0f}", f"{statistics.median(times):.1f} ms"]
            print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
