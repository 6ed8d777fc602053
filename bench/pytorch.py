"""The work of `anaphora bench`, done by PyTorch: the same subcommands, the same flags, the same keys in the output.

    python pytorch.py train --backbone lstm --layers 1 --embedding 256 --hidden 1024 --vocab 83 --batch 32 --length 100 --json
    python pytorch.py layer --backbone lstm --input 128 --hidden 256 --batch 64 --lengths 5..40 --bidirectional --json
    python pytorch.py generate --backbone lstm --layers 1 --embedding 256 --hidden 1024 --vocab 83 --json
    python pytorch.py train --backbone transformer --layers 4 --heads 4 --hidden 128 --vocab 65 --batch 12 --length 64 --json
    python pytorch.py generate --backbone transformer --layers 6 --heads 6 --hidden 384 --prompt 16 --tokens 256 --cache --json

This is PyTorch as fast as we know how to make it: time-major batches of recurrent models, no copy of a packed input,
gradients set to None, fused AdamW, a recurrent layer left to oneDNN where PyTorch has it (LSTM; switching it off halves
the speed). It runs eagerly; a Transformer is compiled with --compile, which needs a C++ compiler.
"""

import argparse
import contextlib
import json
import resource
import statistics
from time import perf_counter

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from gpt import GPT, Remembered

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}
WARM_UP = 3


def parameter_type(args):
    return torch.bfloat16 if args.precision == "bf16" and args.bf16 == "parameters" else torch.float32


def products(args):
    """The context in which a forward pass runs: bf16 products with float32 parameters, or nothing special."""
    if args.precision == "bf16" and args.bf16 == "autocast":
        return torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext()


def repeat(step, seconds):
    """Run `step`, which returns the seconds it took, until `seconds` have passed; all its times after a warm-up."""
    for _ in range(WARM_UP):
        step()
    times, end = [], perf_counter() + seconds
    while not times or perf_counter() < end:
        times.append(step())
    return times


class Recurrent(nn.Module):
    """Embedding, recurrent layers and head; time-major."""

    def __init__(self, args):
        super().__init__()
        self.embedding = nn.Embedding(args.vocab, args.embedding)
        self.backbone = LAYERS[args.backbone](args.embedding, args.hidden, args.layers)
        self.head = nn.Linear(args.hidden, args.vocab)

    def forward(self, ids, targets):
        logits = self.head(self.backbone(self.embedding(ids))[0])
        return nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def train(args):
    """A whole training step: embedding, backbone, head, loss, backward, clipping, AdamW."""
    time_major = args.backbone != "transformer"
    model = Recurrent(args) if time_major else gpt(args, args.length)
    model.to(parameter_type(args))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    loss_of = torch.compile(model) if args.compile else model

    def step():
        if time_major:
            text = torch.randint(args.vocab, (args.length + 1, args.batch))
            ids, targets = text[:-1], text[1:]
        else:
            text = torch.randint(args.vocab, (args.batch, args.length + 1))
            ids, targets = text[:, :-1].contiguous(), text[:, 1:].contiguous()
        start = perf_counter()
        with products(args):
            loss = loss_of(ids, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return perf_counter() - start

    return args.batch * args.length, repeat(step, args.seconds)


def gpt(args, context):
    return GPT(args.vocab, args.layers, args.heads or max(1, args.hidden // 64), args.hidden, context)


def layer(args):
    """A recurrent layer alone: forward, backward (the gradient of the input too), AdamW."""
    backbone = LAYERS[args.backbone](args.input, args.hidden, args.layers, bidirectional=args.bidirectional)
    backbone.to(parameter_type(args))
    optimizer = torch.optim.AdamW(backbone.parameters(), lr=1e-3, fused=True)
    lengths = spread(args.lengths, args.batch) if args.lengths else None
    steps = lengths[0] if lengths else args.length

    x = torch.randn(steps, args.batch, args.input, dtype=parameter_type(args))
    if lengths:
        packed = pack_padded_sequence(x, torch.tensor(lengths))
        leaf = packed.data.requires_grad_()
        batch = PackedSequence(leaf, packed.batch_sizes)
    else:
        batch = leaf = x.requires_grad_()
    width = args.hidden * (2 if args.bidirectional else 1)

    def step():
        upstream = torch.randn(*leaf.shape[:-1], width)
        start = perf_counter()
        with products(args):
            y, _ = backbone(batch)
        y = y.data if lengths else y
        optimizer.zero_grad(set_to_none=True)
        leaf.grad = None
        y.backward(upstream.to(y.dtype))
        optimizer.step()
        return perf_counter() - start

    return leaf.numel() // args.input, repeat(step, args.seconds)


def spread(bounds, batch):
    """`batch` lengths spread evenly over `bounds`, the longest first: no random numbers that two programs must share."""
    low, high = bounds
    return sorted((low + index * (high - low + 1) // batch for index in range(batch)), reverse=True)


@torch.inference_mode()
def generate(args):
    """One stream, each token drawn from the softmax of the one before."""
    if args.precision == "bf16":
        args.bf16 = "parameters"  # what is read for each token is the weights
    if args.backbone == "transformer":
        return 1, generate_gpt(args)
    kind = parameter_type(args)
    embedding = nn.Embedding(args.vocab, args.embedding).to(kind)
    head = nn.Linear(args.hidden, args.vocab).to(kind)
    widths = [args.embedding] + [args.hidden] * (args.layers - 1)
    if args.step == "cell":
        backbone = [CELLS[args.backbone](width, args.hidden).to(kind) for width in widths]
        states = [None] * args.layers
    else:
        backbone = LAYERS[args.backbone](args.embedding, args.hidden, args.layers).to(kind)
        states = None
    token = torch.zeros(1, dtype=torch.long)

    def step():
        nonlocal token, states
        start = perf_counter()
        y = embedding(token)
        if args.step == "cell":
            for index, cell in enumerate(backbone):
                states[index] = cell(y, states[index])
                y = states[index][0] if args.backbone == "lstm" else states[index]
        else:
            y, states = backbone(y[None], states)
            y = y[0]
        token = torch.multinomial(torch.softmax(head(y).float(), -1), 1)[0]
        token.item()
        return perf_counter() - start

    for _ in range(WARM_UP):
        step()
    return 1, [step() for _ in range(args.tokens)]


def generate_gpt(args):
    """The times of tokens behind a prompt: as nanoGPT samples, all read anew for each, or with keys and values remembered."""
    model = gpt(args, args.prompt + args.tokens).to(parameter_type(args)).eval()
    # Without a cache the length grows with every token: compiled code must take any.
    run = torch.compile(model, dynamic=not args.cache) if args.compile else model

    def stream(tokens):
        ids = torch.arange(args.prompt)[None] % args.vocab
        if args.cache:
            remembered = Remembered(model, static=args.compile)
            remembered.begin(args.prompt)
            logits = model(ids, remembered=remembered)
        times = []
        for _ in range(tokens):
            start = perf_counter()
            if not args.cache:
                logits = run(ids)
            token = torch.multinomial(torch.softmax(logits.float(), -1), 1)
            if args.cache:
                remembered.begin(1)
                logits = run(token, remembered=remembered)
            else:
                ids = torch.cat((ids, token), 1)
            token.item()
            times.append(perf_counter() - start)
        return times

    stream(min(WARM_UP, args.tokens))
    return stream(args.tokens)


def length_bounds(text):
    low, _, high = text.partition("..")
    return int(low), int(high)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    works = parser.add_subparsers(dest="work", required=True)
    for work in (train, layer, generate):
        sub = works.add_parser(work.__name__, help=work.__doc__)
        sub.set_defaults(run=work)
        backbones = list(LAYERS) if work is layer else [*LAYERS, "transformer"]
        sub.add_argument("--backbone", choices=backbones, default="lstm")
        sub.add_argument("--layers", type=int, default=1)
        sub.add_argument("--hidden", type=int, default=256)
        sub.add_argument("--precision", choices=["f32", "bf16"], default="f32")
        sub.add_argument("--threads", type=int, default=2)
        sub.add_argument("--json", action="store_true")
        if work is layer:
            sub.add_argument("--input", type=int, default=128)
            sub.add_argument("--bidirectional", action="store_true")
            sub.add_argument("--lengths", type=length_bounds, metavar="5..40", help="a packed batch of unequal lengths")
        else:
            sub.add_argument("--embedding", type=int, default=128)
            sub.add_argument("--vocab", type=int, default=65)
            sub.add_argument("--heads", type=int, help="of a transformer; one for 64 units by default")
            sub.add_argument("--compile", action="store_true", help="run a transformer through torch.compile")
        if work is generate:
            sub.add_argument("--prompt", type=int, default=1, help="tokens that a transformer reads first")
            sub.add_argument("--cache", action="store_true", help="remember a transformer's keys and values")
            sub.add_argument("--tokens", type=int, default=2000)
            sub.add_argument("--step", choices=["cell", "layer"], default="cell", help="nn.LSTMCell, or the slower nn.LSTM")
        else:
            sub.add_argument("--batch", type=int, default=64)
            sub.add_argument("--length", type=int, default=64)
            sub.add_argument("--seconds", type=float, default=5)
            sub.add_argument("--bf16", choices=["autocast", "parameters"], default="autocast", help="how bf16 is had")
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    tokens, times = args.run(args)
    median = statistics.median(times)
    result = {
        "work": args.work,
        "backbone": args.backbone,
        "precision": args.precision,
        "threads": args.threads,
        "tokens_per_second": tokens / median,
        "step_ms": {"median": 1e3 * median, "min": 1e3 * min(times), "max": 1e3 * max(times)},
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "tokens_per_step": tokens,
        "steps": len(times),
        "program": f"PyTorch {torch.__version__}",
    }
    if args.precision == "bf16":
        result["bf16"] = args.bf16
    if args.backbone == "transformer":
        result["compiled"] = args.compile
    print(json.dumps(result) if args.json else "\n".join(f"{key:18} {value}" for key, value in result.items()))


if __name__ == "__main__":
    main()
