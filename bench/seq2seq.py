"""Train models that read one sequence and write another in Anaphora and in PyTorch, by turns: written tokens a second.

    python seq2seq.py --data ../../shared/data --binary ../target/release/anaphora
    python seq2seq.py --data ../../shared/data --binary ../target/release/anaphora --only captions

The rows:

* translate, GRU: docs/translate.md's GRU of 256 that reads whole words of Multi30k in both directions; a decoder that
  begins where it ended and reads beside each word a summary of the sentence, Luong's attention behind it, dropout 0.4.
  Both sides are packed.
* translate, Transformer: that of the same page, 4 + 4 layers of 128 with four heads, sub-words of both languages
  together, a head tied to what is written, dropout 0.2. PyTorch pads, masks what is padded, gives its head the true
  tokens alone, and runs eagerly or compiled, as is faster.
* captions: docs/caption.md's built-in scenes, 32 x 32 pixels, two convolutions and an LSTM of 128 in both directions
  over the 64 places that they leave; a decoder as the GRU's. In PyTorch the pictures are random, and the captions are
  drawn as those of the scenes.

A step is the whole model forward, cross-entropy with a smoothing of 0.1 (captions without), backward, clipping to a
global norm of 1 and AdamW, on batches of pairs that are alike in the longer of their sequences: 2,000 tokens, 2,500 for
the Transformer, 32 pictures. Texts are tokens, and batches packed, before PyTorch's clock starts. See rounds.py for how
both are run and timed.
"""

import random
import re
from collections import Counter
from pathlib import Path

import torch
from rounds import Peer, Row, arguments, batches, faster, measure
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence, pad_sequence
from transformer import Transformer

END, UNKNOWN = 0, 1


class Stem(nn.Module):
    """Convolutions of stride 2 with rectifiers, `[pictures, 3, 32, 32]` to steps `[64, pictures, 64]`."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.Conv2d(32, 64, 3, stride=2, padding=1)

    def forward(self, pictures):
        return F.relu(self.second(F.relu(self.first(pictures)))).flatten(2).permute(2, 0, 1)


class Recurrent(nn.Module):
    """A recurrent encoder in both directions, and a decoder that looks back at it with Luong's attention behind its layer.

    It reads tokens of a vocabulary of `reads`, or pictures where that is None.
    """

    def __init__(self, kind, reads, writes, embedding, hidden, dropout, smoothing):
        super().__init__()
        layer, parts = {"lstm": (nn.LSTM, 2), "gru": (nn.GRU, 1)}[kind]
        self.dropout, self.smoothing = nn.Dropout(dropout), smoothing
        self.source = nn.Embedding(reads, embedding) if reads else Stem()
        self.encoder = layer(embedding if reads else 64, hidden, bidirectional=True)
        self.bridges = nn.ModuleList(nn.Linear(2 * hidden * parts, hidden) for _ in range(parts))
        self.target = nn.Embedding(writes, embedding)
        self.decoder = layer(embedding + 2 * hidden, hidden)
        self.query = nn.Linear(hidden, 2 * hidden, bias=False)
        self.combine = nn.Linear(3 * hidden, hidden, bias=False)
        self.head = nn.Linear(hidden, writes)

    def read(self, source):
        """The encoder's steps, `[rows, steps, 2 * hidden]`, and where each of its states ended, `[2, rows, hidden]`."""
        if isinstance(source, PackedSequence):
            x = PackedSequence(self.dropout(self.source(source.data)), source.batch_sizes)
            steps, ends = self.encoder(x)
            steps, _ = pad_packed_sequence(steps, batch_first=True)
        else:
            steps, ends = self.encoder(self.source(source))
            steps = steps.transpose(0, 1)
        return steps, ends if isinstance(ends, tuple) else (ends,)

    def loss(self, source, mask, sources, inputs, targets, places):
        """`sources` are the rows read, one for each written; `places` the rows and steps of the tokens in `inputs`."""
        steps, ends = self.read(source)
        ends = [torch.cat([*end], 1)[sources] for end in ends]
        summary, both = ends[0], torch.cat(ends, 1)
        starts = [bridge(both) for bridge in self.bridges]
        starts = [start[None] for start in (starts[0].tanh(), *starts[1:])]
        row, step = places
        x = torch.cat([self.dropout(self.target(inputs.data)), summary[row]], 1)
        packed, _ = self.decoder(PackedSequence(x, inputs.batch_sizes), tuple(starts) if len(starts) > 1 else starts[0])
        queries = PackedSequence(self.query(packed.data), inputs.batch_sizes)
        queries, _ = pad_packed_sequence(queries, batch_first=True)
        keys = steps[sources][:, None]
        mask = None if mask is None else mask[sources][:, None, None]
        seen = F.scaled_dot_product_attention(queries[:, None], keys, keys, attn_mask=mask)[:, 0][row, step]
        y = self.dropout(self.combine(torch.cat([seen, packed.data], 1)).tanh())
        return F.cross_entropy(self.head(y), targets, label_smoothing=self.smoothing)


class Translator(nn.Module):
    """A Transformer that reads and one that writes, 4 layers each."""

    def __init__(self, reads, writes, longest, width=128, dropout=0.2):
        super().__init__()
        shape = dict(layers=4, width=width, heads=4, dropout=dropout, longest=longest, bias=True)
        self.source, self.target = nn.Embedding(reads, width), nn.Embedding(writes, width)
        self.encoder, self.decoder = Transformer(**shape), Transformer(**shape, causal=True, memory=True)
        nn.init.normal_(self.target.weight, std=0.02)  # a head needs small weights
        self.bias = nn.Parameter(torch.zeros(writes))

    def loss(self, source, mask, inputs, targets, places):
        """`places` are those of the true tokens in the padded `inputs`."""
        memory = self.encoder(self.source(source), mask)
        y = self.decoder(self.target(inputs), memory=memory, memory_mask=mask).flatten(0, 1)[places]
        return F.cross_entropy(F.linear(y, self.target.weight, self.bias), targets, label_smoothing=0.1)


def taught(ids):
    """What a decoder reads of a sequence, and what is to follow."""
    return torch.tensor([END, *ids]), torch.tensor([*ids, END])


def packed_batches(read, written, generator, size):
    """Batches for `Recurrent`; what is read are tokens, or pictures, which are as long as each other."""
    pictures = read[0].dim() > 1
    written = [taught(ids) for ids in written]
    lengths = [0 if pictures else max(len(x), len(y)) for x, (y, _) in zip(read, written)]
    for batch in batches(lengths, generator, **size):
        batch.sort(key=lambda i: -len(written[i][0]))
        inputs = pack_sequence([written[i][0] for i in batch])
        targets = pack_sequence([written[i][1] for i in batch]).data
        sizes = inputs.batch_sizes.tolist()
        steps = torch.arange(len(sizes)).repeat_interleave(inputs.batch_sizes)
        places = torch.cat([torch.arange(size) for size in sizes]), steps
        if pictures:
            source, mask, sources = torch.stack([read[i] for i in batch]), None, torch.arange(len(batch))
        else:
            order = sorted(range(len(batch)), key=lambda row: -len(read[batch[row]]))
            source = pack_sequence([read[batch[row]] for row in order])
            lens = torch.tensor([len(read[batch[row]]) for row in order])
            mask, sources = torch.arange(lens[0]) < lens[:, None], torch.tensor(order).argsort()
        yield (source, mask, sources, inputs, targets, places), len(targets)


def padded_batches(read, written, generator, units):
    """Batches for `Translator`."""
    written = [taught(ids) for ids in written]
    lengths = [max(len(x), len(y)) for x, (y, _) in zip(read, written)]
    for batch in batches(lengths, generator, units=units):
        source = pad_sequence([read[i] for i in batch], batch_first=True)
        mask = torch.arange(source.shape[1]) < torch.tensor([len(read[i]) for i in batch])[:, None]
        inputs = pad_sequence([written[i][0] for i in batch], batch_first=True)
        targets = torch.cat([written[i][1] for i in batch])
        steps = inputs.shape[1]
        places = torch.cat([row * steps + torch.arange(len(written[i][0])) for row, i in enumerate(batch)])
        yield (source, mask[:, None, None], inputs, targets, places), len(targets)


def texts(data):
    return [(data / f"translation/multi30k.train.{language}").read_text().splitlines() for language in ("de", "en")]


def words(lines):
    """Numbers of words and signs, with the space in front of them, and how many there are; what is there once is unknown."""
    lines = [re.findall(r" ?\w+| ?[^\w\s]", line) for line in lines]
    counts = Counter(word for line in lines for word in line)
    numbers = {word: number for number, word in enumerate((w for w, count in counts.items() if count > 1), 2)}
    return [[numbers.get(word, UNKNOWN) for word in line] for line in lines], len(numbers) + 2


def gru(data):
    (read, reads), (written, writes) = map(words, texts(data))
    read = [torch.tensor([*ids, END]) for ids in read]
    model = Recurrent("gru", reads, writes, embedding=256, hidden=256, dropout=0.4, smoothing=0.1)
    return Peer(model, packed_batches(read, written, random.Random(1), {"units": 2000}), rate=2e-3)


def transformer(data):
    german, english = texts(data)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=8000, min_frequency=2, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False)  # fmt: skip
    tokenizer.train_from_iterator(german + english, trainer)
    read, written = ([encoded.ids for encoded in tokenizer.encode_batch(lines)] for lines in (german, english))
    read = [torch.tensor([*ids, END]) for ids in read]
    size = tokenizer.get_vocab_size()
    model = Translator(size, size, longest=1 + max(max(map(len, read)), max(map(len, written))))
    return faster(model, padded_batches(read, written, random.Random(1), 2500), rate=3e-3)


def captions():
    """Random pictures, and as many words to each as a scene of one thing or two has."""
    generator, vocabulary = random.Random(1), 18
    length = lambda: 4 if generator.randrange(5) == 0 else generator.choice((9, 10))
    written = [[generator.randrange(2, vocabulary) for _ in range(length())] for _ in range(7200)]
    read = list(torch.randn(len(written), 3, 32, 32))
    model = Recurrent("lstm", None, vocabulary, embedding=64, hidden=128, dropout=0.2, smoothing=0.0)
    return Peer(model, packed_batches(read, written, generator, {"examples": 32}))


def main():
    parser = arguments(__doc__, seconds=20)
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    args = parser.parse_args()
    pairs = "--source {data}/translation/multi30k.train.de --target {data}/translation/multi30k.train.en"
    rows = [
        Row("translate, GRU 256 with attention, 2,000 tokens a batch", "target tokens",
            f"{pairs} --backbone gru --tokenizer word --hidden 256 --embedding 256 --dropout 0.4",
            lambda: gru(args.data)),
        Row("translate, Transformer 4 + 4 × 128, 2,500 tokens a batch", "target tokens",
            f"{pairs} --backbone transformer --set data.shared_vocabulary=true",
            lambda: transformer(args.data)),
        Row("captions, scenes, convolutions and LSTM 128 with attention, batch 32", "written tokens",
            "--builtin scenes", captions),
    ]  # fmt: skip
    measure(rows, args, args.data)


if __name__ == "__main__":
    main()
