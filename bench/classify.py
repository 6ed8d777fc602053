"""Train the same classifiers in Anaphora and in PyTorch, by turns: examples a second, and how well both do on a test.

    python classify.py --data ../../shared/data --binary ../target/release/anaphora           # speed, every row
    python classify.py --data ../../shared/data --binary ../target/release/anaphora --quality # macro-F1 of the names

A step is the model forward, cross-entropy, backward, clipping to a global norm of 1 and AdamW, on batches of 32 whole
examples that are alike in length: both sort stretches of fifty batches. Words, characters and frames are made before the
clock starts. Anaphora's figure is what `anaphora train --json` reports, validations left out; figures are medians of the
rounds, the ratio is the median of the rounds' own.
"""

import argparse
import gzip
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence

BATCH, STRETCH = 32, 50
WARM_UP = 10


class Classifier(nn.Module):
    """Embedding where steps are tokens, recurrent layers in both directions, their greatest values over time, head."""

    def __init__(self, kind, inputs, classes, embedding, hidden, bidirectional, dropout):
        super().__init__()
        self.embedding = nn.Embedding(inputs, embedding) if embedding else None
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[kind]
        self.backbone = layer(embedding or inputs, hidden, bidirectional=bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden * (2 if bidirectional else 1), classes)

    def forward(self, packed):
        if self.embedding:
            packed = PackedSequence(self.dropout(self.embedding(packed.data)), packed.batch_sizes)
        steps, _ = self.backbone(packed)
        padded, _ = pad_packed_sequence(steps, padding_value=-torch.inf)
        return self.head(self.dropout(padded.max(0).values))


def batches(examples, generator):
    """Batches for ever: a pass is shuffled, stretches of it sorted by length, cut and shuffled."""
    while True:
        order = list(range(len(examples)))
        generator.shuffle(order)
        cut = []
        for start in range(0, len(order), BATCH * STRETCH):
            stretch = sorted(order[start : start + BATCH * STRETCH], key=lambda i: -len(examples[i][0]))
            cut += [stretch[i : i + BATCH] for i in range(0, len(stretch), BATCH)]
        generator.shuffle(cut)
        for batch in cut:
            packed = pack_sequence([examples[i][0] for i in batch])
            yield packed, torch.tensor([examples[i][1] for i in batch])


def step(model, optimizer, packed, classes):
    loss = nn.functional.cross_entropy(model(packed), classes)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def as_tokens(pairs, minimum=1):
    """Texts as numbers of their pieces; those seen less than `minimum` times are one."""
    counts, labels = {}, sorted({label for label, _ in pairs})
    for _, pieces in pairs:
        for piece in pieces:
            counts[piece] = counts.get(piece, 0) + 1
    kept = [piece for piece, count in counts.items() if count >= minimum]
    numbers = {piece: index + 2 for index, piece in enumerate(kept)}
    encode = lambda pieces: torch.tensor([numbers.get(piece, 1) for piece in pieces] + [0])
    return [(encode(pieces), labels.index(label)) for label, pieces in pairs], len(numbers) + 2, len(labels)


def names(data):
    return [(path.stem, line.strip()) for path in sorted((data / "names").glob("*.txt"))
            for line in path.read_text().splitlines() if line.strip()]  # fmt: skip


def sentences(data):
    lines = (data / "sentiment/sst2.train.txt").read_text().splitlines()
    return [(line[0], re.findall(r"[\w']+|[^\w\s]", line[2:])) for line in lines]


def digits(data):
    read = lambda name, skip: torch.frombuffer(bytearray(gzip.open(data / "images" / name).read()[skip:]), dtype=torch.uint8)
    pictures = read("train-images-idx3-ubyte.gz", 16).float().reshape(-1, 28, 28)
    labels = read("train-labels-idx1-ubyte.gz", 8)
    return list(zip((pictures - pictures.mean()) / pictures.std(), labels.tolist(), strict=True)), 28, 10


# Name, Anaphora's flags, the examples, and PyTorch's model: kind, embedding, hidden, both directions.
ROWS = {
    "names, LSTM 128 in both directions": (
        "{data}/names --tokenizer character", lambda data: as_tokens(names(data)), ("lstm", 128, 128, True)),
    "names, GRU 128 in both directions": (
        "{data}/names --tokenizer character --backbone gru", lambda data: as_tokens(names(data)), ("gru", 128, 128, True)),
    "SST-2, LSTM 128 in both directions": (
        "{data}/sentiment/sst2.train.txt", lambda data: as_tokens(sentences(data), 2), ("lstm", 128, 128, True)),
    "MNIST by rows, LSTM 128": (
        "{data}/images --set model.bidirectional=false", digits, ("lstm", 0, 128, False)),
}  # fmt: skip


def model_of(shape, inputs, classes):
    kind, embedding, hidden, both = shape
    return Classifier(kind, inputs, classes, embedding, hidden, both, 0.5)


def optimizer_of(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01, fused=True)


def peer(examples, inputs, classes, shape, seconds):
    """PyTorch's examples a second, and steps of its sequences a second."""
    model, source = model_of(shape, inputs, classes), batches(examples, random.Random(1))
    optimizer = optimizer_of(model)
    for _ in range(WARM_UP):
        step(model, optimizer, *next(source))
    count = units = spent = 0
    while spent < seconds:
        packed, target = next(source)
        begun = perf_counter()
        step(model, optimizer, packed, target)
        spent += perf_counter() - begun
        count, units = count + len(target), units + len(packed.data)
    return count / spent, units / spent


def ours(binary, flags, data, threads, seconds):
    """Anaphora's steps of sequences a second."""
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "train", *flags.format(data=data).split(), "--task", "classify", "--json", "--precision", "f32",
                   "--threads", str(threads), "--minutes", str(seconds / 60), "--out", f"{folder}/run",
                   "--set", "training.validate_every=1000000", "--set", "training.checkpoint_every=1000000"]  # fmt: skip
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == "step"][-1]["tokens_per_second"]


def speed(args):
    print("| work | precision | threads | Anaphora, examples/s | PyTorch, examples/s | ratio |\n|---|---|---|---|---|---|")
    for name, (flags, read, shape) in ROWS.items():
        if args.only not in name:
            continue
        examples, inputs, classes = read(args.data)
        length = sum(len(steps) for steps, _ in examples) / len(examples)
        mine, theirs, ratios = [], [], []
        for turn in range(args.rounds):
            run = {True: lambda: mine.append(ours(args.binary, flags, args.data, args.threads, args.seconds)),
                   False: lambda: theirs.append(peer(examples, inputs, classes, shape, args.seconds)[1])}  # fmt: skip
            for first in (turn % 2 == 0, turn % 2 == 1):
                run[first]()
            ratios.append(mine[-1] / theirs[-1])
        figures = [f"{statistics.median(those) / length:,.0f}" for those in (mine, theirs)]
        spread = f"{statistics.median(ratios):.2f} × ({min(ratios):.2f}–{max(ratios):.2f})"
        print(f"| {name} | f32 | {args.threads} | {figures[0]} | {figures[1]} | {spread} |", flush=True)


def quality(args):
    """PyTorch's macro-F1 on every tenth name, with Anaphora's model, rate, batches and choice of the best pass."""
    pairs = names(args.data)
    examples, inputs, classes = as_tokens(pairs)
    test = examples[9::10]
    rest = [example for index, example in enumerate(examples) if index % 10 != 9]
    for seed in range(1, args.rounds + 1):
        torch.manual_seed(seed)
        generator = random.Random(seed)
        generator.shuffle(rest)
        held_out, train = rest[: len(rest) // 10], rest[len(rest) // 10 :]
        model, source = model_of(("lstm", 128, 128, True), inputs, classes), batches(train, generator)
        optimizer, best, begun = optimizer_of(model), (0, 0, 0), perf_counter()
        for number in range(1, args.steps + 1):
            step(model.train(), optimizer, *next(source))
            if number % 100 == 0:
                best = max(best, (score(model, held_out, classes)[0], *score(model, test, classes)))
        print(f"PyTorch, seed {seed}: accuracy {best[1]:.4f}, macro-F1 {best[2]:.4f} on {len(test)} names, "
              f"{args.steps} steps in {perf_counter() - begun:.0f} s")  # fmt: skip


@torch.no_grad()
def score(model, examples, classes):
    """Accuracy and macro-F1."""
    counts = torch.zeros(classes, classes)
    ordered = sorted(examples, key=lambda example: -len(example[0]))
    for start in range(0, len(ordered), 256):
        part = ordered[start : start + 256]
        for (_, truth), found in zip(part, model.eval()(pack_sequence([x for x, _ in part])).argmax(1), strict=True):
            counts[truth, found] += 1
    right, there, taken = counts.diag(), counts.sum(1), counts.sum(0)
    f1 = 2 * right / (there + taken).clamp(min=1)
    known = there + taken > 0
    return (right.sum() / counts.sum()).item(), f1[known].mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    parser.add_argument("--binary", default="target/release/anaphora")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--steps", type=int, default=2000, help="of --quality")
    parser.add_argument("--only", default="", help="rows with this in their name")
    parser.add_argument("--quality", action="store_true", help="macro-F1 of the names instead of speed")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    return quality(args) if args.quality else speed(args)


if __name__ == "__main__":
    sys.exit(main())
