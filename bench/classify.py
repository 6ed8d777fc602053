"""Train the same classifiers in Anaphora and in PyTorch, by turns: examples a second, and how well both do on a test.

    python classify.py --data ../../shared/data --binary ../target/release/anaphora           # speed, every row
    python classify.py --data ../../shared/data --binary ../target/release/anaphora --only DNA
    python classify.py --data ../../shared/data --quality                                     # macro-F1 of the names

A step is the model forward, cross-entropy, backward, clipping to a global norm of 1 and AdamW, on batches of 32 whole
examples that are alike in length: both sort stretches of fifty batches. Words, characters and frames are made before
the clock starts; in PyTorch the mel frames of sounds are random ones, as many as each recording has. See rounds.py for
how both are run and timed.
"""

import gzip
import random
import re
import sys
import wave
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from rounds import Peer, Row, arguments, batches, learnt, measure
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence

BATCH = 32


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

    def loss(self, packed, classes):
        return nn.functional.cross_entropy(self(packed), classes)


def packed_batches(examples, generator):
    """Batches for ever, with their units: sequences, longest first, and their classes."""
    for batch in batches([len(steps) for steps, _ in examples], generator, examples=BATCH):
        packed = pack_sequence([examples[i][0] for i in batch])
        yield (packed, torch.tensor([examples[i][1] for i in batch])), len(packed.data)


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


def as_words(pairs):
    """As Anaphora reads them where nothing else is said: what is learnt, in lower case, and what is there once is unknown."""
    return as_tokens([(label, [piece.lower() for piece in pieces]) for label, pieces in learnt(pairs)], 2)


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


def junctions(data):
    rows = [line.split(",") for line in (data / "biology/splice.data").read_text().splitlines()]
    return [(label.strip(), text.strip()) for label, _, text in rows]


def heartbeats(data, patch):
    lines = (data / "series/ECG5000_TRAIN.txt").read_text().splitlines()
    rows = [[float(cell) for cell in line.split()] for line in lines if line.strip()]
    series = torch.tensor([row[1:] for row in rows])
    series = ((series - series.mean()) / series.std()).unflatten(1, (-1, patch))
    return [(steps, int(row[0]) - 1) for steps, row in zip(series, rows)], patch, 5


def sounds(data):
    """Random frames of 40 bands, one every 10 ms of each recording."""
    paths = sorted((data / "audio/fsdd").glob("*.wav"))
    frames = lambda path: 1 + 100 * (sound := wave.open(str(path))).getnframes() // sound.getframerate()
    return [(torch.randn(frames(path), 40), int(path.name[0])) for path in paths], 40, 10


@dataclass
class Shape:
    kind: str = "lstm"
    embedding: int = 128
    bidirectional: bool = True

    def model(self, inputs, classes):
        return Classifier(self.kind, inputs, classes, self.embedding, 128, self.bidirectional, 0.5)


# Name, Anaphora's flags, the examples with the numbers of tokens (or the width of a frame) and classes, and the model's shape.
WORK = [
    ("names, LSTM 128 in both directions", "{data}/names --tokenizer character", lambda data: as_words(names(data)), Shape()),
    ("names, GRU 128 in both directions", "{data}/names --tokenizer character --backbone gru",
     lambda data: as_words(names(data)), Shape(kind="gru")),
    ("SST-2, LSTM 128 in both directions", "{data}/sentiment/sst2.train.txt",
     lambda data: as_words(sentences(data)), Shape()),
    ("DNA, LSTM 128 in both directions", "{data}/biology/splice.data --label 1 --text 3 --tokenizer character",
     lambda data: as_words(junctions(data)), Shape()),
    ("MNIST by rows, LSTM 128", "{data}/images --set model.bidirectional=false", digits,
     Shape(embedding=0, bidirectional=False)),
    ("ECG5000, a number a step, LSTM 128 in both directions", "{data}/series/ECG5000_TRAIN.txt",
     lambda data: heartbeats(data, 1), Shape(embedding=0)),
    ("ECG5000, five numbers a step, LSTM 128 in both directions", "{data}/series/ECG5000_TRAIN.txt --set data.patch=5",
     lambda data: heartbeats(data, 5), Shape(embedding=0)),
    ("spoken digits, mel frames, LSTM 128 in both directions", "{data}/audio/fsdd", sounds, Shape(embedding=0)),
]  # fmt: skip


def rows(data):
    def peer(read, shape):
        examples, inputs, classes = read(data)
        length = sum(len(steps) for steps, _ in examples) / len(examples)
        return Peer(shape.model(inputs, classes), packed_batches(examples, random.Random(1)), rate=3e-3, per=length)

    return [Row(f"classify {name}", "examples", f"{flags} --task classify", lambda read=read, shape=shape: peer(read, shape))
            for name, flags, read, shape in WORK]  # fmt: skip


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
        model, best, begun = Shape().model(inputs, classes), (0, 0, 0), perf_counter()
        peer = Peer(model, packed_batches(train, generator), rate=3e-3)
        for number in range(1, args.steps + 1):
            model.train()
            peer.step(next(peer.source)[0])
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
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    parser.add_argument("--steps", type=int, default=2000, help="of --quality")
    parser.add_argument("--quality", action="store_true", help="macro-F1 of the names instead of speed")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    return quality(args) if args.quality else measure(rows(args.data), args, args.data)


if __name__ == "__main__":
    sys.exit(main())
