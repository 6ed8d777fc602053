"""Train the models of docs/polyphony.md in Anaphora and in PyTorch, by turns: frames a second.

    python chorales.py --data ../../shared/data --binary ../target/release/anaphora

The work: Bach's chorales, a frame a quarter note, and what sounds in the next one, by the default Transformer of 3 x
128 with four heads and a dropout of 0.2, on batches of 16 whole pieces that are alike in length. With conditioned notes
a step is a token, a note or the end of a frame; with independent ones it is a frame of ones and zeros. Both are counted
in frames. PyTorch reads pieces padded to the longest of the batch, under a causal mask, and gives its head the true
steps alone; it runs eagerly or compiled, as is faster. Anaphora transposes each piece anew within its time, PyTorch's
batches are made before the clock starts. See rounds.py for how both are run and timed.
"""

import json
import random
from pathlib import Path

import torch
from rounds import Row, arguments, batches, faster, measure
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformer import Transformer

BATCH, WIDTH, DROPOUT = 16, 128, 0.2
END, FRAME, LOWEST = 0, 1, 2


class Harmonist(nn.Module):
    def __init__(self, conditioned, pitches, longest):
        super().__init__()
        outputs = pitches + LOWEST if conditioned else pitches
        self.embedding = nn.Embedding(outputs, WIDTH) if conditioned else nn.Identity()
        inputs = None if conditioned else pitches + 1
        self.backbone = Transformer(3, WIDTH, 4, DROPOUT, longest, inputs=inputs, causal=True)
        self.head = nn.Linear(WIDTH, outputs)

    def loss(self, read, places, targets):
        """`read` is padded; `places` are those of the true steps in it, each of which has a target."""
        y = self.backbone(self.embedding(read)).flatten(0, 1)[places]
        output = self.head(F.dropout(y, DROPOUT, self.training))
        if targets.dim() == 1:
            return F.cross_entropy(output, targets)
        return F.binary_cross_entropy_with_logits(output, targets, reduction="sum") / len(targets)


def tokens(piece, lowest):
    """The notes of each frame from the highest down, and its end; the piece's end at last."""
    ids = [END]
    for chord in piece:
        ids += [pitch - lowest + LOWEST for pitch in reversed(chord)] + [FRAME]
    return torch.tensor(ids), torch.tensor([*ids[1:], END])


def frames(piece, lowest, pitches):
    """What sounds in each frame, and what did in the one before; a column more is one before the first."""
    sounding = torch.zeros(len(piece), pitches)
    for frame, chord in zip(sounding, piece):
        frame[[pitch - lowest for pitch in chord]] = 1
    before = F.pad(sounding[:-1], (1, 0, 1, 0))
    before[0, 0] = 1
    return before, sounding


def padded_batches(examples, generator):
    lengths = [len(target) for _, target in examples]
    for batch in batches(lengths, generator, examples=BATCH):
        read = pad_sequence([examples[i][0] for i in batch], batch_first=True)
        places = torch.cat([row * read.shape[1] + torch.arange(lengths[i]) for row, i in enumerate(batch)])
        yield (read, places, torch.cat([examples[i][1] for i in batch])), len(places)


def peer(path, conditioned):
    parts = json.loads(path.read_text())
    parts = {name: [[sorted(set(chord)) for chord in piece] for piece in parts[name]] for name in ("train", "valid")}
    pitches = [pitch for pieces in parts.values() for piece in pieces for chord in piece for pitch in chord]
    lowest, count = min(pitches), max(pitches) - min(pitches) + 1
    encode = (lambda piece: tokens(piece, lowest)) if conditioned else (lambda piece: frames(piece, lowest, count))
    examples = [encode(piece) for piece in parts["train"]]
    lengths = [len(target) for _, target in examples]
    model = Harmonist(conditioned, count, max(lengths))
    per = sum(lengths) / sum(map(len, parts["train"]))
    return faster(model, padded_batches(examples, random.Random(1)), rate=2e-3, per=per)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    args = parser.parse_args()
    path = args.data / "music/jsb-chorales-quarter.json"
    rows = [
        Row(f"chorales, {notes} notes, Transformer 3 × 128, batch 16", "frames",
            f"{path} --task chorales --notes {notes}", lambda notes=notes: peer(path, notes == "conditioned"))
        for notes in ("conditioned", "independent")
    ]  # fmt: skip
    measure(rows, args)


if __name__ == "__main__":
    main()
