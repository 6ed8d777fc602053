"""Train the tagger of docs/tag.md in Anaphora and in PyTorch, by turns: words a second.

    python tag.py --binary ../target/release/anaphora

A step is the model forward, cross-entropy of each word's tag, backward, clipping to a global norm of 1 and AdamW, on batches
of 16 whole sentences that are alike in length. The model is Lample et al.'s without a CRF: an embedding of words beside
the last states of an LSTM over their characters, and an LSTM in both directions. The characters of each different word of a
batch are read once, in both programs. The sentences are random, 5 to 40 words that are as frequent as words are (Zipf); in
PyTorch they are numbered and packed before the clock starts.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

import torch
from classify import STRETCH, WARM_UP, optimizer_of
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

BATCH = 16


class Tagger(nn.Module):
    def __init__(self, words, characters, tags):
        super().__init__()
        self.embedding, self.characters = nn.Embedding(words, 128), nn.Embedding(characters, 32)
        self.speller = nn.LSTM(32, 32, bidirectional=True)
        self.backbone = nn.LSTM(128 + 64, 128, bidirectional=True)
        self.dropout, self.head = nn.Dropout(0.5), nn.Linear(256, tags)

    def forward(self, words, spelt, word_of):
        _, (ends, _) = self.speller(PackedSequence(self.characters(spelt.data), spelt.batch_sizes))
        read = torch.cat([self.embedding(words.data), torch.cat([*ends], 1)[word_of]], 1)
        steps, _ = self.backbone(PackedSequence(self.dropout(read), words.batch_sizes))
        return self.head(self.dropout(steps.data))


def made(count):
    source = random.Random(1)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randrange(2, 12))) for _ in range(8_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    sentence = lambda length: [(word, f"T{source.randrange(11)}") for word in source.choices(words, weights, k=length)]
    return [sentence(source.randrange(5, 41)) for _ in range(count)]


def numbers(symbols, minimum):
    return {s: number for number, (s, count) in enumerate(Counter(symbols).items(), 1) if count >= minimum}


def batches(read, generator):
    """Batches for ever: a pass is shuffled, stretches of it sorted by length, cut and shuffled."""
    words = numbers((word for sentence in read for word, _ in sentence), 2)
    letters = numbers((letter for sentence in read for word, _ in sentence for letter in word), 2)
    tags = sorted({tag for sentence in read for _, tag in sentence})
    forms = sorted({word for sentence in read for word, _ in sentence})
    form = {word: number for number, word in enumerate(forms)}
    spelt = [torch.tensor([letters.get(letter, 0) for letter in word]) for word in forms]
    number = torch.tensor([words.get(word, 0) for word in forms])
    examples = [(torch.tensor([form[word] for word, _ in sentence]), torch.tensor([tags.index(tag) for _, tag in sentence]))
                for sentence in read]  # fmt: skip

    def draw():
        while True:
            generator.shuffle(examples)
            cut = []
            for start in range(0, len(examples), BATCH * STRETCH):
                stretch = sorted(examples[start : start + BATCH * STRETCH], key=lambda example: -len(example[0]))
                cut += [stretch[i : i + BATCH] for i in range(0, len(stretch), BATCH)]
            generator.shuffle(cut)
            for batch in cut:
                packed = pack_sequence([forms for forms, _ in batch])
                different, word_of = packed.data.unique(return_inverse=True)
                order = sorted(range(len(different)), key=lambda i: -len(spelt[different[i]]))
                place = torch.empty(len(order), dtype=torch.long)
                place[order] = torch.arange(len(order))
                characters = pack_sequence([spelt[different[i]] for i in order])
                target = pack_sequence([tags for _, tags in batch]).data
                yield PackedSequence(number[packed.data], packed.batch_sizes), characters, place[word_of], target

    return draw(), len(forms) + 1, len(letters) + 1, len(tags)


def peer(read, seconds):
    source, *sizes = batches(read, random.Random(1))
    model, spent, count = Tagger(*sizes), 0, -WARM_UP
    optimizer, units = optimizer_of(model), 0
    while spent < seconds:
        *batch, target = next(source)
        begun = perf_counter()
        loss = nn.functional.cross_entropy(model(*batch), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        count += 1
        if count > 0:
            spent, units = spent + perf_counter() - begun, units + len(target)
    return units / spent


def ours(binary, path, threads, seconds):
    with tempfile.TemporaryDirectory() as folder:
        command = [binary, "train", path, "--task", "tag", "--json", "--precision", "f32", "--threads", str(threads),
                   "--minutes", str(seconds / 60), "--out", f"{folder}/run",
                   "--set", "training.validate_every=1000000", "--set", "training.checkpoint_every=1000000"]  # fmt: skip
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [event for event in map(json.loads, lines) if event["event"] == "step"][-1]["tokens_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/anaphora")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    read, mine, theirs = made(4_000), [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.tsv"
        path.write_text("\n".join("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in read))
        for turn in range(args.rounds):
            run = {True: lambda: mine.append(ours(args.binary, path, args.threads, args.seconds)),
                   False: lambda: theirs.append(peer(read, args.seconds))}  # fmt: skip
            for first in (turn % 2 == 0, turn % 2 == 1):
                run[first]()
    ratios = [a / b for a, b in zip(mine, theirs)]
    print(f"{statistics.median(mine):,.0f} | {statistics.median(theirs):,.0f} | "
          f"{statistics.median(ratios):.2f} × ({min(ratios):.2f}–{max(ratios):.2f})")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
