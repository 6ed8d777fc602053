"""Frames and tokens a second of training, beside the same model in PyTorch: chords with conditioned notes (packed batches
of unequal length) and the adding problem.

    python tasks.py ANAPHORA chorales.json [--rounds 2] [--steps 40] [--threads 2]

The two alternate, both in f32. Anaphora's rate is that of its last step, validations left out.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence


class Chords(nn.Module):
    """Embedding 128, LSTM 256, dropout 0.3 behind both, head."""

    def __init__(self, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 128)
        self.lstm = nn.LSTM(128, 256)
        self.head = nn.Linear(256, vocabulary)
        self.dropout = nn.Dropout(0.3)

    def loss(self, inputs, targets):
        packed = pack_sequence(inputs)
        x = packed._replace(data=self.dropout(self.embedding(packed.data)))
        y, _ = self.lstm(x)
        logits = self.head(self.dropout(y.data))
        return nn.functional.cross_entropy(logits, pack_sequence(targets).data)


class Adding(nn.Module):
    """LSTM 128 over frames of two numbers, head behind the last."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 128)
        self.head = nn.Linear(128, 1)

    def loss(self, inputs, targets):
        _, (hidden, _) = self.lstm(inputs)
        return nn.functional.mse_loss(self.head(hidden[-1]), targets)


def chord_batches(path):
    """Batches of 16 pieces alike in length, as tokens from the highest note down."""
    pieces = []
    for piece in json.load(open(path))["train"]:
        tokens = [0]
        for chord in piece:
            tokens += [pitch - 43 + 2 for pitch in sorted(set(chord), reverse=True)] + [1]
        pieces.append(torch.tensor(tokens))
    pieces.sort(key=len, reverse=True)
    batches = [pieces[start : start + 16] for start in range(0, len(pieces), 16)]
    while True:
        for batch in batches:
            yield batch, [torch.cat([piece[1:], piece[:1]]) for piece in batch], sum(map(len, batch))


def adding_batches():
    while True:
        yield torch.rand(600, 32, 2), torch.rand(32, 1), 600 * 32


def torch_rate(model, batches, steps):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    units = 0
    for step in range(steps + 3):
        if step == 3:
            start, units = time.perf_counter(), 0
        inputs, targets, count = next(batches)
        optimizer.zero_grad()
        model.loss(inputs, targets).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        units += count
    return units / (time.perf_counter() - start)


def anaphora_rate(call, steps, threads):
    with tempfile.TemporaryDirectory() as folder:
        common = [f"--threads={threads}", "--precision=f32", f"--steps={steps}", "--json", f"--out={folder}/run"]
        lines = subprocess.run(call + common, check=True, capture_output=True, text=True).stdout.splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == "step"][-1]["tokens_per_second"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("anaphora")
    parser.add_argument("chorales")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    train = [args.anaphora, "train"]
    rows = {
        "chords, LSTM 256, 16 pieces of unequal length": (
            train + [args.chorales, "--task=chorales"],
            lambda: (Chords(56), chord_batches(args.chorales)),
        ),
        "adding, LSTM 128, 32 of 600 frames": (
            train + ["--builtin=adding", "--length=600", "--hidden=128", "--batch=32"],
            lambda: (Adding(), adding_batches()),
        ),
    }
    print(f"{args.threads} threads, f32, PyTorch {torch.__version__}")
    for name, (call, peer) in rows.items():
        for _ in range(args.rounds):
            ours = anaphora_rate(call, args.steps, args.threads)
            theirs = torch_rate(*peer(), args.steps)
            print(f"{name}: {ours:,.0f} and {theirs:,.0f} a second, {ours / theirs:.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
