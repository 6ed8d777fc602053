"""What the scripts share that train a task's model in both programs: batches, steps, runs, turns and a table.

A script makes rows: Anaphora's flags, and a `Peer` that learns the same with PyTorch. `measure` runs both by turns. Of
Anaphora it reads what `anaphora train --json` reports, units a second of its steps, validations left out; of PyTorch it
times the steps. Both go through batches of the same sizes, in f32. Where the numbers of weights are further apart than
3 %, which is as much as two ways to cut words may differ, the models are not the same, and the script ends with a
sentence that says so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from side_by_side import busy_seconds
from torch import nn

STRETCH = 50
WARM_UP = 5
QUIET = 0.1  # share of the machine that others may take before it is said


def arguments(doc, seconds=8.0):
    """A parser of the flags that all of the scripts have, but for the folder of data."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/anaphora")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=seconds, help="length of each run")
    parser.add_argument("--only", default="", help="rows with this in their name")
    return parser


def learnt(examples):
    """Nine tenths of the examples: Anaphora learns from as many, and takes its vocabulary from them."""
    return [example for number, example in enumerate(examples) if number % 10]


def batches(lengths, generator, examples=None, units=None):
    """Numbers of the examples of a batch, for ever, as Anaphora draws them.

    A pass is shuffled, stretches of it are sorted, longest first, and cut into batches of so many examples or units; the
    batches are shuffled.
    """
    usual = examples or max(1, units // -(-sum(lengths) // len(lengths)))
    while True:
        order = list(range(len(lengths)))
        generator.shuffle(order)
        cut = []
        for start in range(0, len(order), usual * STRETCH):
            batch, held = [], 0
            for number in sorted(order[start : start + usual * STRETCH], key=lambda number: -lengths[number]):
                held += lengths[number]
                if batch and (len(batch) == examples or (units and held > units)):
                    cut.append(batch)
                    batch, held = [], lengths[number]
                batch.append(number)
            cut.append(batch)
        generator.shuffle(cut)
        yield from cut


class Peer:
    """A model that learns in PyTorch.

    `model.loss(*batch)` is the loss of a batch; `source` gives batches for ever, each with the number of its units. What is
    counted in the table are `per` units. `dynamic` is what is compiled where batches differ in shape.
    """

    def __init__(self, model: nn.Module, source: Iterator, rate=1e-3, per=1.0, compiled=False, dynamic=True):
        self.model, self.source, self.per, self.compiled = model, source, per, compiled
        self.loss = torch.compile(model.loss, dynamic=dynamic) if compiled else model.loss
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, fused=True)

    def step(self, batch):
        loss = self.loss(*batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()

    def run(self, seconds):
        """Units a second of so many seconds' steps; batches are made while the clock stands."""
        for _ in range(WARM_UP):
            self.step(next(self.source)[0])
        units = spent = 0
        while spent < seconds:
            batch, count = next(self.source)
            begun = perf_counter()
            self.step(batch)
            spent, units = spent + perf_counter() - begun, units + count
        return units / spent


def faster(model, source, seconds=2.0, **options):
    """A Transformer's `Peer`, eager or compiled, whichever is faster."""
    eager, compiled = Peer(model, source, **options), Peer(model, source, compiled=True, **options)
    try:
        return max((eager, compiled), key=lambda peer: peer.run(seconds))
    except RuntimeError as error:
        print(f"PyTorch did not compile: {error}", file=sys.stderr)
        return eager


def anaphora(binary, flags, threads, seconds):
    """Units a second that Anaphora learns with these flags, and how many weights its model has."""
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "train", *flags, "--json", "--precision", "f32", "--threads", str(threads),
                   "--minutes", str(seconds / 60), "--out", f"{folder}/run",
                   "--set", "training.validate_every=1000000", "--set", "training.checkpoint_every=1000000"]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr.strip()}")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    steps = [event["tokens_per_second"] for event in events if event["event"] == "step"]
    if not steps:
        sys.exit(f"no step was reported in {seconds} s of {' '.join(flags)}: give more --seconds")
    started = next(event for event in events if event["event"] == "started")
    return steps[-1], started["parameters"]


def alternate(programs, rounds):
    """The figures of each of two programs; who goes first changes with the round."""
    rates = {name: [] for name in programs}
    for number in range(rounds):
        for name in list(programs)[:: 1 if number % 2 == 0 else -1]:
            rates[name].append(programs[name]())
    return rates.values()


def watched(run):
    """What `run` returns, and the share of the machine that other processes took meanwhile."""
    spent = lambda: busy_seconds()[0] - sum(os.times()[:4])
    begun, before = perf_counter(), spent()
    result = run()
    return result, max(0.0, spent() - before) / (perf_counter() - begun) / os.cpu_count()


@dataclass
class Row:
    """A line of the table: Anaphora's flags of `train`, where `{data}` is the folder of data, and PyTorch's peer."""

    name: str
    unit: str
    flags: str
    peer: Callable[[], Peer]


HEADING = "| work | precision | threads | Anaphora | {peer} | ratio |\n|---|---|---|---|---|---|"


def line(name, unit, threads, mine, theirs, note=""):
    """A line of the table: medians, and the median, the least and the greatest of the rounds' own ratios."""
    ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
    spread = f"**{statistics.median(ratios):.2f} ×** ({min(ratios):.2f}–{max(ratios):.2f})"
    figures = [f"{statistics.median(rates):,.0f} {unit}/s" for rates in (mine, theirs)]
    return f"| {name} | f32 | {threads} | {figures[0]} | {figures[1]}{note} | {spread} |"


def measure(rows, args, data: Path | None = None):
    """Prints the table of those rows that are asked for."""
    torch.set_num_threads(args.threads)
    print(HEADING.format(peer=f"PyTorch {torch.__version__.split('+')[0]}"))
    for row in rows:
        if args.only not in row.name:
            continue
        torch.manual_seed(1)
        peer, flags = row.peer(), [word.format(data=data) for word in row.flags.split()]

        def ours(peer=peer, flags=flags):
            rate, weights = anaphora(args.binary, flags, args.threads, args.seconds)
            other = sum(weight.numel() for weight in peer.model.parameters())
            if abs(weights - other) > 0.03 * weights:
                sys.exit(f"Anaphora's model has {weights:,} weights, PyTorch's {other:,}: they are not the same")
            return rate / peer.per

        programs = {"ours": ours, "peer": lambda peer=peer: peer.run(args.seconds) / peer.per}
        (mine, theirs), others = watched(lambda programs=programs: alternate(programs, args.rounds))
        if others > QUIET:
            print(f"{row.name}: other processes took {others:.0%} of the machine", file=sys.stderr)
        note = ", compiled" if peer.compiled else ""
        print(line(row.name, row.unit, args.threads, mine, theirs, note), flush=True)
