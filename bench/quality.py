"""What PyTorch learns from a file of tunes, with the settings of the lab that such models come from.

    python quality.py irish.abc --minutes 5                       # the lab's own: rate 5e-3, no clipping
    python quality.py irish.abc --minutes 5 --rate 1e-3 --clip 1  # the kinder ones

The last tenth of the tunes, in file order, is for validation. Training draws random windows over the text of the others,
with a state of zeros. Validation reads each tune from a state of zeros, after the blank line that stands before it, and
scores each of its characters and the blank line that ends it. One JSON object a validation is printed, then the best.
"""

import argparse
import json
import math
import re
from pathlib import Path
from time import perf_counter

import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

GAP = "\n\n"


class Model(nn.Module):
    def __init__(self, vocab, embedding, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocab, embedding)
        self.lstm = nn.LSTM(embedding, hidden)
        self.head = nn.Linear(hidden, vocab)

    def forward(self, ids):
        """Logits of ids [length, batch], or of a PackedSequence of them (then of its data)."""
        if torch.is_tensor(ids):
            return self.head(self.lstm(self.embedding(ids))[0])
        return self.head(self.lstm(ids._replace(data=self.embedding(ids.data)))[0].data)


def split(text):
    """The tunes of an ABC file, in two: all but the last tenth, and the last tenth."""
    tunes = [tune.strip() for tune in re.split(r"^(?=X:)", text, flags=re.MULTILINE) if tune.strip()]
    last = math.ceil(len(tunes) / 10)
    return tunes[:-last], tunes[-last:]


@torch.inference_mode()
def validate(model, tunes):
    """Mean loss in nats over the characters of the tunes and the gaps that end them, and how many they are.

    `tunes` are ids that begin with a gap and end with one, the longest first.
    """
    inputs = pack_sequence([ids[:-1] for ids in tunes])
    targets = pack_sequence([ids[1:] for ids in tunes])
    losses = nn.functional.cross_entropy(model(inputs), targets.data, reduction="none")
    scored = losses[len(tunes) :]  # all but the first step's targets, which belong to the gap before
    return scored.mean().item(), len(scored)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rate", type=float, default=5e-3)
    parser.add_argument("--clip", type=float, help="the greatest norm of the gradient; none by default")
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--embedding", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--every", type=int, default=100, help="steps between validations")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    text = args.data.read_text()
    vocab = {character: index for index, character in enumerate(sorted(set(text)))}
    encode = lambda part: torch.tensor([vocab[character] for character in part])
    training, validation = split(text)
    stream = encode(GAP.join(training) + GAP)
    held_out = sorted((encode(GAP + tune + GAP) for tune in validation), key=len, reverse=True)

    model = Model(len(vocab), args.embedding, args.hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.rate, fused=True)
    best, recent, start = {"loss": math.inf}, [], perf_counter()
    for step in range(1, args.steps + 1):
        first = torch.randint(len(stream) - args.length, (args.batch,))
        windows = stream[torch.arange(args.length + 1)[:, None] + first]
        loss = nn.functional.cross_entropy(model(windows[:-1]).flatten(0, 1), windows[1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if args.clip:
            nn.utils.clip_grad_norm_(model.parameters(), args.clip)
        optimizer.step()
        recent.append(loss.item())

        late = perf_counter() - start > 60 * args.minutes
        if step % args.every == 0 or step == args.steps or late:
            score, characters = validate(model, held_out)
            now = {"step": step, "seconds": round(perf_counter() - start, 1), "loss": score}
            print(json.dumps(now | {"training_loss": sum(recent) / len(recent)}), flush=True)
            best, recent = min(best, now, key=lambda entry: entry["loss"]), []
        if late:
            break
    print(json.dumps({"best": best, "bits": best["loss"] / math.log(2), "characters": characters}))


if __name__ == "__main__":
    main()
