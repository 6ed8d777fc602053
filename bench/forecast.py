"""Train the same forecaster in Anaphora and in PyTorch by turns, and print how many frames a second each learns.

    python forecast.py ETTh1.csv --binary ../target/release/anaphora --rounds 3

The work: windows of one column, 336 hours read as 42 patches of 16 with the waves of hour, weekday and month, 96 hours
forecast; an LSTM of 64 units or a Transformer of 2 x 64 (one head), dropout 0.2, a linear head on what a linear map of the window leaves, squared
error, clipping, AdamW. Cutting windows, the linear map and the transfer into a batch count on both sides.
"""

import argparse
import csv
import json
import math
import statistics
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path
from time import perf_counter

import torch
from torch import nn
from torch.nn import functional as F

LOOKBACK, HORIZON, PATCH, STRIDE, HIDDEN, DROPOUT = 336, 96, 16, 8, 64, 0.2
FRAMES = 1 + (LOOKBACK - PATCH) // STRIDE


class Block(nn.Module):
    """A pre-norm block of attention with rotary places, as Anaphora's recipe has it by default."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x, cos, sin):
        rows, steps, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(rows, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        turn = lambda t: t * cos + torch.cat((-t[..., t.shape[-1] // 2 :], t[..., : t.shape[-1] // 2]), -1) * sin
        y = F.scaled_dot_product_attention(turn(q), turn(k), v).transpose(1, 2).reshape(rows, steps, width)
        x = x + F.dropout(self.out(y), DROPOUT, self.training)
        return x + F.dropout(self.down(F.gelu(self.up(self.norm2(x)))), DROPOUT, self.training)


class Model(nn.Module):
    def __init__(self, backbone, inputs):
        super().__init__()
        self.backbone = backbone
        if backbone == "lstm":
            self.rnn = nn.LSTM(inputs, HIDDEN, batch_first=True)
        else:
            self.project = nn.Linear(inputs, HIDDEN)
            self.blocks = nn.ModuleList(Block(HIDDEN, 1) for _ in range(2))
            self.norm = nn.LayerNorm(HIDDEN, bias=False)
            angles = torch.outer(torch.arange(FRAMES), 10000 ** -(torch.arange(0, HIDDEN, 2) / HIDDEN))
            self.cos, self.sin = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)
        self.head = nn.Linear(HIDDEN, HORIZON)

    def forward(self, x):
        if self.backbone == "lstm":
            y = self.rnn(x)[1][0][0]
        else:
            y = F.dropout(self.project(x), DROPOUT, self.training)
            for block in self.blocks:
                y = block(y, self.cos, self.sin)
            y = self.norm(y).mean(1)
        return self.head(F.dropout(y, DROPOUT, self.training))


def read(path, steps=8640):
    with open(path) as file:
        rows = list(csv.reader(file))[1 : steps + 1]
    values = torch.tensor([[float(cell) for cell in row[1:]] for row in rows])
    dates = [datetime.fromisoformat(row[0]) for row in rows]
    turns = torch.tensor([[d.hour / 24, d.weekday() / 7, (d.month - 1) / 12] for d in dates])
    waves = torch.stack(((2 * math.pi * turns).sin(), (2 * math.pi * turns).cos()), -1).flatten(1)
    return (values - values.mean(0)) / values.std(0, unbiased=False), waves


def peer(path, backbone, batch, steps, threads):
    torch.set_num_threads(threads)
    values, waves = read(path)
    origins = torch.arange(LOOKBACK, len(values) - HORIZON + 1)
    examples = torch.cartesian_prod(origins, torch.arange(values.shape[1]))
    model = Model(backbone, PATCH + waves.shape[1])
    linear = torch.randn(LOOKBACK, HORIZON) / LOOKBACK
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    order = examples[torch.randperm(len(examples))]
    ends = torch.arange(PATCH - 1, LOOKBACK, STRIDE)
    times = []
    for step in range(steps):
        begun = perf_counter()
        at, column = order[(step * batch + torch.arange(batch)) % len(order)].T
        past = values[at[:, None] - LOOKBACK + torch.arange(LOOKBACK), column[:, None]]
        centre = past[:, -1:]
        past = past - centre
        truth = values[at[:, None] + torch.arange(HORIZON), column[:, None]] - centre - past @ linear
        x = torch.cat((past.unfold(1, PATCH, STRIDE), waves[at[:, None] - LOOKBACK + ends]), -1)
        optimizer.zero_grad(set_to_none=True)
        F.mse_loss(model(x), truth).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        times.append(perf_counter() - begun)
    return batch * FRAMES / statistics.median(times[5:])


def ours(binary, path, backbone, batch, steps, threads):
    with tempfile.TemporaryDirectory() as folder:
        call = [binary, "train", path, "--task", "forecast", "--horizon", HORIZON, "--lookback", LOOKBACK]
        call += ["--test-from", "2017-10-24", "--backbone", backbone, "--hidden", HIDDEN, "--dropout", DROPOUT]
        call += ["--batch", batch, "--steps", steps, "--threads", threads, "--precision", "f32", "--out", f"{folder}/run"]
        call += ["--set=series.validation_from=2017-06-26", "--set=training.validate_every=100000", "--json"]
        lines = subprocess.run([str(word) for word in call], check=True, capture_output=True, text=True).stdout
    events = [json.loads(line) for line in lines.splitlines()]
    return [event["tokens_per_second"] for event in events if event["event"] == "step"][-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("series", type=Path)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    for backbone in ("lstm", "transformer"):
        pairs = []
        for _ in range(args.rounds):
            one = ours(args.binary, args.series, backbone, args.batch, args.steps, args.threads)
            other = peer(args.series, backbone, args.batch, args.steps, args.threads)
            pairs.append((one, other))
        ratios = sorted(one / other for one, other in pairs)
        one, other = (statistics.median(side) for side in zip(*pairs))
        print(
            f"{backbone}: Anaphora {one:,.0f} frames/s, PyTorch {torch.__version__} {other:,.0f}, ratio "
            f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), f32, {args.threads} threads"
        )


if __name__ == "__main__":
    main()
