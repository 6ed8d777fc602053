"""Train the tagger of docs/tag.md in Anaphora and in PyTorch, by turns: words a second.

    python tag.py --binary ../target/release/anaphora

A step is the model forward, cross-entropy of each word's tag, backward, clipping to a global norm of 1 and AdamW, on batches
of 16 whole sentences that are alike in length. The model is Lample et al.'s without a CRF: an embedding of words beside
the last states of an LSTM over their characters, and an LSTM in both directions. The characters of each different word of a
batch are read once, in both programs. The sentences are random, 5 to 40 words that are as frequent as words are (Zipf); in
PyTorch they are numbered and packed before the clock starts. See rounds.py for how both are run and timed.
"""

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch
from rounds import Peer, Row, arguments, batches, learnt, measure
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

    def loss(self, words, spelt, word_of, tags):
        return nn.functional.cross_entropy(self(words, spelt, word_of), tags)


def made(count):
    source = random.Random(1)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randrange(2, 12))) for _ in range(8_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    sentence = lambda length: [(word, f"T{source.randrange(11)}") for word in source.choices(words, weights, k=length)]
    return [sentence(source.randrange(5, 41)) for _ in range(count)]


def numbers(symbols, minimum):
    kept = [symbol for symbol, count in Counter(symbols).items() if count >= minimum]
    return {symbol: number for number, symbol in enumerate(kept, 1)}


def packed_batches(read, generator):
    """Batches for ever, with their words; and the numbers of words, letters and tags."""
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
        for batch in batches([len(forms) for forms, _ in examples], generator, examples=BATCH):
            packed = pack_sequence([examples[i][0] for i in batch])
            different, word_of = packed.data.unique(return_inverse=True)
            order = sorted(range(len(different)), key=lambda i: -len(spelt[different[i]]))
            place = torch.empty(len(order), dtype=torch.long)
            place[order] = torch.arange(len(order))
            characters = pack_sequence([spelt[different[i]] for i in order])
            target = pack_sequence([examples[i][1] for i in batch]).data
            words = PackedSequence(number[packed.data], packed.batch_sizes)
            yield (words, characters, place[word_of], target), len(target)

    return draw(), len(words) + 1, len(letters) + 1, len(tags)


def peer(read):
    source, *sizes = packed_batches(learnt(read), random.Random(1))
    return Peer(Tagger(*sizes), source, rate=3e-3)


def main():
    args = arguments(__doc__).parse_args()
    read = made(4_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.tsv"
        path.write_text("\n".join("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in read))
        name = "tag, words and characters, LSTM 128 in both directions, batch 16"
        measure([Row(name, "words", f"{path} --task tag", lambda: peer(read))], args)


if __name__ == "__main__":
    sys.exit(main())
