"""Train the same forecasters in Anaphora and in PyTorch by turns: frames a second.

    python forecast.py --data ../../shared/data --binary ../target/release/anaphora
    python forecast.py --data ../../shared/data --binary ../target/release/anaphora --only trajectory

The work of docs/forecast.md: windows of one column of ETTh1, 336 hours read as 42 patches of 16 with the waves of hour,
weekday and month, 96 hours forecast; an LSTM of 64 units or a Transformer of 2 x 64 with four heads, dropout 0.2. That
of docs/trajectory.md: ten places of a thrown ball, fifty forecast, both coordinates together; an LSTM of 128 (in
PyTorch the paths are random). A linear head gives what a linear map of the window leaves; squared error, clipping,
AdamW, batches of 64. Cutting windows, the linear map and the transfer into a batch count on both sides. See rounds.py
for how both are run and timed.
"""

import csv
import math
from datetime import datetime
from pathlib import Path

import torch
from rounds import Peer, Row, arguments, faster, measure
from torch import nn
from torch.nn import functional as F
from transformer import Transformer

BATCH = 64
LOOKBACK, HORIZON, PATCH, STRIDE, HIDDEN, DROPOUT = 336, 96, 16, 8, 64, 0.2
FRAMES = 1 + (LOOKBACK - PATCH) // STRIDE
SEEN, AHEAD = 10, 50  # places of a ball


class Forecaster(nn.Module):
    """Windows of one column, counted from their last value."""

    def __init__(self, backbone, values, waves):
        super().__init__()
        self.values, self.waves = values, waves
        self.linear = torch.randn(LOOKBACK, HORIZON) / LOOKBACK
        inputs = PATCH + waves.shape[1]
        if backbone == "lstm":
            self.backbone = nn.LSTM(inputs, HIDDEN, batch_first=True)
        else:
            self.backbone = Transformer(2, HIDDEN, 4, DROPOUT, FRAMES, inputs=inputs)
        self.head = nn.Linear(HIDDEN, HORIZON)

    def loss(self, at, column):
        past = self.values[at[:, None] - LOOKBACK + torch.arange(LOOKBACK), column[:, None]]
        centre = past[:, -1:]
        past = past - centre
        truth = self.values[at[:, None] + torch.arange(HORIZON), column[:, None]] - centre - past @ self.linear
        ends = torch.arange(PATCH - 1, LOOKBACK, STRIDE)
        x = torch.cat((past.unfold(1, PATCH, STRIDE), self.waves[at[:, None] - LOOKBACK + ends]), -1)
        if isinstance(self.backbone, nn.LSTM):
            y = self.backbone(x)[1][0][0]
        else:
            y = self.backbone(x).mean(1)
        return F.mse_loss(self.head(F.dropout(y, DROPOUT, self.training)), truth)


class Tracker(nn.Module):
    """The first places of paths `[paths, steps, 2]`, and those that follow."""

    def __init__(self, paths):
        super().__init__()
        self.paths, self.linear = paths, torch.randn(SEEN, AHEAD) / SEEN
        self.backbone, self.head = nn.LSTM(2, 128, batch_first=True), nn.Linear(128, 2 * AHEAD)

    def loss(self, numbers):
        past, truth = self.paths[numbers].split((SEEN, AHEAD), 1)
        truth = truth - (past.transpose(1, 2) @ self.linear).transpose(1, 2)
        return F.mse_loss(self.head(self.backbone(past)[1][0][0]), truth.flatten(1))


def read(path, steps=8640):
    with open(path) as file:
        rows = list(csv.reader(file))[1 : steps + 1]
    values = torch.tensor([[float(cell) for cell in row[1:]] for row in rows])
    dates = [datetime.fromisoformat(row[0]) for row in rows]
    turns = torch.tensor([[d.hour / 24, d.weekday() / 7, (d.month - 1) / 12] for d in dates])
    waves = torch.stack(((2 * math.pi * turns).sin(), (2 * math.pi * turns).cos()), -1).flatten(1)
    return (values - values.mean(0)) / values.std(0, unbiased=False), waves


def drawn(examples, frames):
    """Batches of the rows of `examples` for ever, each column by itself, and how many frames they have."""
    while True:
        for rows in torch.randperm(len(examples)).split(BATCH):
            yield tuple(examples[rows].T), len(rows) * frames


def forecaster(path, backbone):
    values, waves = read(path)
    origins = torch.arange(LOOKBACK, len(values) - HORIZON + 1)
    source = drawn(torch.cartesian_prod(origins, torch.arange(values.shape[1])), FRAMES)
    model = Forecaster(backbone, values, waves)
    return Peer(model, source) if backbone == "lstm" else faster(model, source, dynamic=False)


def tracker():
    paths = torch.randn(8100, SEEN + AHEAD, 2).cumsum(1)
    return Peer(Tracker(paths), drawn(torch.arange(len(paths))[:, None], SEEN), rate=2e-3)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    args = parser.parse_args()
    path = args.data / "series/ETTh1.csv"
    flags = (f"{path} --task forecast --horizon {HORIZON} --lookback {LOOKBACK} --hidden {HIDDEN} --dropout {DROPOUT} "
             f"--batch {BATCH} --test-from 2017-10-24 --set series.validation_from=2017-06-26")  # fmt: skip
    rows = [
        Row(f"forecast ETTh1, {name}, batch {BATCH}", "frames", f"{flags} --backbone {backbone}",
            lambda backbone=backbone: forecaster(path, backbone))
        for name, backbone in (("LSTM 64", "lstm"), ("Transformer 2 × 64", "transformer"))
    ]  # fmt: skip
    rows.append(Row(f"trajectory of a ball, LSTM 128, batch {BATCH}", "frames", f"--builtin ball --batch {BATCH}", tracker))
    measure(rows, args)


if __name__ == "__main__":
    main()
