"""nanoGPT's training of a small GPT on characters, on a CPU, as its `train.py` does it, in our own words.

    python nanogpt.py tinyshakespeare.txt              # eagerly, as its README runs it on a CPU
    python nanogpt.py tinyshakespeare.txt --compile

The settings are those of the CPU run in nanoGPT's README: 4 layers, 4 heads, width 128, no dropout, 12 windows of 64
characters, 2,000 iterations; AdamW with betas 0.9 and 0.99, decay 0.1 on matrices alone, clipping at 1; 100 iterations of
warm-up to a rate of 1e-3, then a cosine to 1e-4. Every 250 iterations the loss is estimated on 20 random batches of the
first nine tenths of the text and of the last, and the best model so far is saved with its optimizer. One JSON object
an estimate is printed, then the last. Seconds count from the program's start, PyTorch's own loading included.
"""

from time import perf_counter

START = perf_counter()

import argparse
import json
import math
import tempfile
from pathlib import Path

import numpy as np
import torch

from gpt import GPT

CONTEXT, BATCH, ITERATIONS, WARM_UP = 64, 12, 2000, 100
EVERY, BATCHES = 250, 20
RATE, LEAST = 1e-3, 1e-4


def rate(iteration):
    if iteration < WARM_UP:
        return RATE * (iteration + 1) / (WARM_UP + 1)
    along = (iteration - WARM_UP) / (ITERATIONS - WARM_UP)
    return LEAST + 0.5 * (1 + math.cos(math.pi * along)) * (RATE - LEAST)


def batch(ids):
    """Random windows of the text, and what follows each of their characters."""
    starts = torch.randint(len(ids) - CONTEXT, (BATCH,))
    take = lambda shift: torch.stack(
        [torch.from_numpy(ids[i + shift : i + shift + CONTEXT].astype(np.int64)) for i in starts]
    )
    return take(0), take(1)


@torch.no_grad()
def estimate(model, ids):
    return sum(model(*batch(ids)).item() for _ in range(BATCHES)) / BATCHES


@torch.no_grad()
def whole(model, ids):
    """The mean loss over all of `ids`, window after window."""
    windows = (len(ids) - 1) // CONTEXT
    cut = lambda shift: torch.from_numpy(ids[shift : shift + windows * CONTEXT].astype(np.int64)).view(-1, CONTEXT)
    chunks = list(zip(cut(0).split(100), cut(1).split(100)))
    return sum(model(x, y).item() * len(x) for x, y in chunks) / windows


def optimizer_of(model, fused):
    decayed = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
    others = [parameter for parameter in model.parameters() if parameter.dim() < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99), fused=fused)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--fused", action="store_true", help="fused AdamW, which nanoGPT takes on a GPU only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1337)
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    text = args.data.read_text()
    vocab = {character: index for index, character in enumerate(sorted(set(text)))}
    ids = np.array([vocab[character] for character in text], dtype=np.uint16)
    training, validation = np.split(ids, [int(0.9 * len(ids))])

    model = GPT(len(vocab), layers=4, heads=4, hidden=128, context=CONTEXT)
    optimizer = optimizer_of(model, args.fused)
    loss_of = torch.compile(model) if args.compile else model
    best = math.inf
    seconds = lambda: round(perf_counter() - START, 1)
    with tempfile.TemporaryDirectory() as folder:
        x, y = batch(training)
        for iteration in range(ITERATIONS + 1):
            for group in optimizer.param_groups:
                group["lr"] = rate(iteration)
            if iteration % EVERY == 0:
                estimates = {"training_loss": estimate(loss_of, training), "loss": estimate(loss_of, validation)}
                print(json.dumps({"iteration": iteration, "seconds": seconds()} | estimates), flush=True)
                if estimates["loss"] < best and iteration > 0:
                    best = estimates["loss"]
                    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "iteration": iteration}
                    torch.save(saved, Path(folder, "checkpoint.pt"))
            loss = loss_of(x, y)
            x, y = batch(training)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            loss.item()  # it is logged at every iteration
    total = seconds()
    last = {"seconds": total, "loss": best, "whole_last_tenth": whole(model, validation), "compiled": args.compile}
    print(json.dumps(last | {"program": f"PyTorch {torch.__version__}"}))


if __name__ == "__main__":
    main()
