"""Write the golden files that the layers are tested against: `python make.py` (torch, numpy, safetensors).

PyTorch computes everything in float64 from inputs and weights that are exact in float32; results are rounded to float32
once, on writing, so that a test may ask for float32's own accuracy.

Recurrent files, `<kind>_<stack>[_uniform].safetensors`, with T steps, B sequences, N tokens, D directions, L layers:

    batch_sizes [T] i32             sequences still running at each step, as in PyTorch's PackedSequence
    x [N, input], y [N, D*hidden]   time-major: the tokens of step 0, then of step 1, ...
    h0, c0, hn, cn [L*D, B, hidden] first and last states (c only for lstm), layers outside, directions inside
    weight_ih_l0, ..._l1_reverse    PyTorch's names, shapes and gate order (lstm i f g o, gru r z n)
    dy, dhn, dcn                    upstream gradients: the loss is sum(y*dy) + sum(hn*dhn) + sum(cn*dcn)
    grad.<name>                     its gradient by x, h0, c0 and every weight

The other files say what they hold in the function that writes them.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn.utils.rnn import PackedSequence

HERE = Path(__file__).parent
INPUT, HIDDEN = 3, 5
LENGTHS = {"": [5, 4, 2, 1], "_uniform": [3, 3, 3]}
STACKS = {
    "1layer": dict(num_layers=1),
    "2layers": dict(num_layers=2),
    "2layers_bidirectional": dict(num_layers=2, bidirectional=True),
}
KINDS = {
    "rnn_tanh": lambda **stack: nn.RNN(INPUT, HIDDEN, nonlinearity="tanh", **stack),
    "rnn_relu": lambda **stack: nn.RNN(INPUT, HIDDEN, nonlinearity="relu", **stack),
    "gru": lambda **stack: nn.GRU(INPUT, HIDDEN, **stack),
    "lstm": lambda **stack: nn.LSTM(INPUT, HIDDEN, **stack),
}


def draw(*shape, scale=1.0):
    """Normal numbers, exact in float32 and held in float64, which carry a gradient."""
    return (scale * torch.randn(*shape)).float().double().requires_grad_()


def write(name, tensors):
    def plain(value):
        array = value.detach().numpy() if torch.is_tensor(value) else np.asarray(value)
        return np.ascontiguousarray(array, np.int32 if array.dtype.kind == "i" else np.float32)

    save_file({key: plain(value) for key, value in tensors.items()}, HERE / f"{name}.safetensors")


def recurrent(kind, stack, suffix):
    torch.manual_seed(0)
    layer = KINDS[kind](**STACKS[stack]).double()
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(draw(*weight.shape, scale=0.5))

    lengths = LENGTHS[suffix]
    batch_sizes = [sum(length > step for length in lengths) for step in range(max(lengths))]
    directions = 2 if layer.bidirectional else 1
    state_shape = (layer.num_layers * directions, len(lengths), HIDDEN)
    state_names = ["h", "c"] if kind == "lstm" else ["h"]

    x = draw(sum(lengths), INPUT)
    first = [draw(*state_shape) for _ in state_names]
    packed, last = layer(PackedSequence(x, torch.tensor(batch_sizes)), tuple(first) if kind == "lstm" else first[0])
    last = list(last) if kind == "lstm" else [last]

    outputs = [packed.data, *last]
    upstream = [draw(*output.shape) for output in outputs]
    sum((output * grad).sum() for output, grad in zip(outputs, upstream)).backward()

    leaves = {"x": x} | {f"{s}0": t for s, t in zip(state_names, first)} | dict(layer.named_parameters())
    write(
        f"{kind}_{stack}{suffix}",
        {"batch_sizes": batch_sizes, "y": packed.data, "dy": upstream[0]}
        | {f"{s}n": t for s, t in zip(state_names, last)}
        | {f"d{s}n": t for s, t in zip(state_names, upstream[1:])}
        | leaves
        | {f"grad.{name}": leaf.grad for name, leaf in leaves.items()},
    )


def embedding_linear_cross_entropy():
    """ids, targets [N] i32; logits [N, vocab]; loss [1], the mean in nats; weights and grad.<name> of each."""
    torch.manual_seed(1)
    vocab, width, tokens = 7, 3, 11
    ids, targets = torch.randint(vocab, (2, tokens))
    weights = {
        "embedding.weight": draw(vocab, width),
        "linear.weight": draw(vocab, width),
        "linear.bias": draw(vocab),
    }
    embedded = nn.functional.embedding(ids, weights["embedding.weight"])
    logits = nn.functional.linear(embedded, weights["linear.weight"], weights["linear.bias"])
    loss = nn.functional.cross_entropy(logits, targets)
    loss.backward()
    write(
        "embedding_linear_cross_entropy",
        {"ids": ids, "targets": targets, "logits": logits, "loss": loss.reshape(1)}
        | weights
        | {f"grad.{name}": weight.grad for name, weight in weights.items()},
    )


def loss(name, x, targets, compute, **others):
    """x, targets, losses, one a row, mean, and its gradient grad.x; weights or levels where the loss has them.

    compute gives losses and mean.
    """
    losses, mean = compute(x, targets)
    mean.backward()
    tensors = {"x": x, "targets": targets, "losses": losses, "mean": mean.reshape(1), "grad.x": x.grad}
    write(f"loss_{name}", tensors | others)


def losses():
    torch.manual_seed(4)
    functional = nn.functional
    rows, classes = 11, 7
    targets, weights = torch.randint(classes, (rows,)), draw(classes).detach().abs()
    for name, smoothing, weight in [("smoothed", 0.1, None), ("weighted", 0.0, weights), ("both", 0.2, weights)]:
        options = dict(label_smoothing=smoothing, weight=weight)
        compute = lambda x, y: [
            functional.cross_entropy(x, y, reduction=reduction, **options) for reduction in ["none", "mean"]
        ]
        others = {} if weight is None else {"weights": weight}
        loss(f"cross_entropy_{name}", draw(rows, classes, scale=3.0), targets, compute, **others)

    def by_rows(losses):
        return losses, losses.mean()

    columns = 70
    targets, weights = torch.rand(rows, columns).round().double(), draw(columns).detach().abs()
    targets[0] = torch.rand(columns).float().double()
    for name, weight in [("", None), ("_weighted", weights)]:
        compute = lambda x, y: by_rows(
            functional.binary_cross_entropy_with_logits(x, y, pos_weight=weight, reduction="none").sum(1)
        )
        others = {} if weight is None else {"weights": weight}
        loss(f"binary_cross_entropy{name}", draw(rows, columns, scale=5.0), targets, compute, **others)

    def elements(function):
        return lambda x, y: (function(x, y, reduction="none").mean(1), function(x, y))

    targets = draw(rows, 3).detach()
    loss("squared_error", draw(rows, 3), targets, elements(functional.mse_loss))
    loss("absolute_error", draw(rows, 3), targets, elements(functional.l1_loss))

    def gaussian(x, y):
        mean, log_variance = x.chunk(2, 1)
        nll = functional.gaussian_nll_loss(mean, y, log_variance.exp(), full=True, eps=0, reduction="none")
        return by_rows(nll.sum(1))

    loss("gaussian", draw(rows, 6), targets, gaussian)
    levels = torch.tensor([0.1, 0.5, 0.75]).double()

    def pinball(x, y):
        difference = y[:, :, None] - x.view(rows, 3, 3)
        return by_rows(torch.maximum(levels * difference, (levels - 1) * difference).mean((1, 2)))

    loss("quantile", draw(rows, 9), targets, pinball, levels=levels)


def convolution(name, kernel, stride, padding):
    """size and output_size [2] i32, height and width; x, y, dy with a row a pixel, picture by picture; weight [filters,
    kernel * kernel * channels], the channels of a pixel side by side; bias. The loss is sum(y*dy); grad.<name> its gradient.
    """
    torch.manual_seed(5)
    pictures, channels, filters, size = 3, 2, 4, [7, 6]
    leaves = {
        "x": draw(pictures, *size, channels),
        "weight": draw(filters, kernel, kernel, channels),
        "bias": draw(filters),
    }
    x, weight = [leaves[leaf].permute(0, 3, 1, 2) for leaf in ["x", "weight"]]
    y = nn.functional.conv2d(x, weight, leaves["bias"], stride, padding).permute(0, 2, 3, 1)
    upstream = draw(*y.shape).detach()
    (y * upstream).sum().backward()
    plain = {"x": lambda x: x.reshape(-1, channels), "weight": lambda w: w.reshape(filters, -1), "bias": lambda b: b}
    write(
        f"convolution_{name}",
        {"size": size, "output_size": list(y.shape[1:3])}
        | {"y": y.reshape(-1, filters), "dy": upstream.reshape(-1, filters)}
        | {key: plain[key](leaf) for key, leaf in leaves.items()}
        | {f"grad.{key}": plain[key](leaf.grad) for key, leaf in leaves.items()},
    )


def optimizer(name, make, **settings):
    """Three steps with given gradients, clipped together to a global norm.

    Each setting as a tensor [1]; a.0, b.0 the parameters before, a.k, b.k after step k; grad.a.k, grad.b.k the gradients
    of step k before clipping; norm [3] their norms. PyTorch clips by min(1, max_norm / (norm + 1e-6)). Only a, a matrix, has
    weight decay.
    """
    torch.manual_seed(2)
    max_norm = 1.0
    params = {"a": draw(5, 3), "b": draw(7)}
    decays = {"a": settings["weight_decay"], "b": 0.0}
    steps = make([{"params": [param], "weight_decay": decays[key]} for key, param in params.items()])
    tensors = {key: [value] for key, value in settings.items()} | {"max_norm": [max_norm]}
    tensors |= {f"{key}.0": param.detach().clone() for key, param in params.items()}
    norms = []
    for step, scale in enumerate([1.0, 0.05, 3.0], start=1):  # the second is below the limit
        for key, param in params.items():
            param.grad = draw(*param.shape, scale=scale).detach()
            tensors[f"grad.{key}.{step}"] = param.grad.clone()
        norms.append(nn.utils.clip_grad_norm_(params.values(), max_norm).item())
        steps.step()
        tensors |= {f"{key}.{step}": param.detach().clone() for key, param in params.items()}
    write(name, tensors | {"norm": norms})


FUNCTIONS = {
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "gelu_tanh": lambda x: nn.functional.gelu(x, approximate="tanh"),
}
TRANSFORMERS = {
    "encoder": dict(norm_first=False, function="relu", bias=True),
    "encoder_sinusoidal": dict(function="gelu", position="sinusoidal"),
    "decoder_memory": dict(norm_first=False, function="gelu", bias=True, causal=True, memory=8),
    "gpt": dict(function="gelu_tanh", bias=True, causal=True, position="learned"),
    "rotary_grouped": dict(norm="rms", function="swiglu", causal=True, position="rotary", kv_heads=2),
    "alibi_cosine": dict(heads=3, hidden=6, function="relu", causal=True, position="alibi", cosine=True),
    "encoder_alibi": dict(norm="rms", norm_first=False, function="gelu", position="alibi", kv_heads=1),
    "encoder_rotary_cosine": dict(function="swiglu", bias=True, position="rotary", cosine=True, kv_heads=2),
    "decoder_memory_grouped": dict(
        norm="rms", function="gelu", causal=True, position="rotary", cosine=True, kv_heads=2, memory=5
    ),
}


class Stack:
    """A Transformer written out for one sequence at a time, with weights under the names of ours."""

    def __init__(
        self, hidden=8, heads=4, kv_heads=None, norm="layer", norm_first=True, function="gelu", bias=False,
        causal=False, position="none", cosine=False, memory=None,
    ):  # fmt: skip
        self.hidden, self.heads, self.kv_heads = hidden, heads, kv_heads or heads
        self.norm, self.norm_first, self.function, self.bias = norm, norm_first, function, bias
        self.causal, self.position, self.cosine, self.memory = causal, position, cosine, memory
        self.head, self.inner, self.layers, self.context = hidden // heads, 6, 2, 5
        self.weights = {}
        if position == "learned":
            self.weights["position.weight"] = draw(self.context, hidden, scale=0.5)
        kv = 2 * self.kv_heads * self.head
        for layer in range(self.layers):
            name = f"layers.{layer}"
            self.linear(f"{name}.attention.qkv", hidden, hidden + kv)
            self.linear(f"{name}.attention.out", hidden, hidden)
            attentions = ["attention"]
            if memory:
                attentions.append("cross_attention")
                self.linear(f"{name}.cross_attention.q", hidden, hidden)
                self.linear(f"{name}.cross_attention.kv", memory, kv)
                self.linear(f"{name}.cross_attention.out", hidden, hidden)
            if cosine:
                self.weights |= {f"{name}.{part}.scale": draw(heads, scale=2.0) for part in attentions}
            self.linear(f"{name}.feed_forward.up", hidden, self.inner * (2 if function == "swiglu" else 1))
            self.linear(f"{name}.feed_forward.down", self.inner, hidden)
            for part in range(3 if memory else 2):
                self.add_norm(f"{name}.norm{part + 1}")
        if norm_first:
            self.add_norm("norm")

    def linear(self, name, inputs, outputs):
        self.weights[f"{name}.weight"] = draw(outputs, inputs, scale=0.4)
        if self.bias:
            self.weights[f"{name}.bias"] = draw(outputs, scale=0.4)

    def add_norm(self, name):
        self.weights[f"{name}.weight"] = draw(self.hidden)
        if self.bias and self.norm == "layer":
            self.weights[f"{name}.bias"] = draw(self.hidden, scale=0.4)

    def apply(self, name, x):
        return nn.functional.linear(x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))

    def normalise(self, name, x):
        weight, bias = self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")
        if self.norm == "rms":
            return nn.functional.rms_norm(x, (self.hidden,), weight, 1e-6)
        return nn.functional.layer_norm(x, (self.hidden,), weight, bias, 1e-5)

    def split(self, x, heads):
        return x.view(len(x), heads, self.head).transpose(0, 1)

    def turn(self, x):
        """Pairs of value i and value i + half of each head [heads, steps, head], turned by their place (Su et al. 2021)."""
        half = self.head // 2
        frequencies = 10000.0 ** (-torch.arange(half, dtype=torch.double) / half)
        angles = torch.arange(x.shape[1])[:, None] * frequencies
        a, b = x.split(half, -1)
        return torch.cat((a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()), -1)

    def slopes(self):
        """Of ALiBi (Press et al. 2022), as its authors compute them."""
        geometric = lambda count: [2.0 ** (-8 * (i + 1) / count) for i in range(count)]
        power = 2 ** int(np.log2(self.heads))
        rest = geometric(2 * power)[::2][: self.heads - power]
        return torch.tensor(geometric(power) + rest, dtype=torch.double)

    def attend(self, name, q, k, v, own):
        q, k, v = self.split(q, self.heads), self.split(k, self.kv_heads), self.split(v, self.kv_heads)
        if own and self.position == "rotary":
            q, k = self.turn(q), self.turn(k)
        if self.cosine:
            q, k = nn.functional.normalize(q, dim=-1), nn.functional.normalize(k, dim=-1)
            q = q * self.weights[f"{name}.scale"][:, None, None]
        distance = torch.arange(q.shape[1])[:, None] - torch.arange(k.shape[1])
        mask = torch.zeros(self.heads, *distance.shape, dtype=torch.double)
        if own and self.position == "alibi":
            mask = -self.slopes()[:, None, None] * distance.abs()
        if own and self.causal:
            mask = mask.masked_fill(distance < 0, -torch.inf)
        y = nn.functional.scaled_dot_product_attention(
            q[None], k[None], v[None], mask[None], scale=1.0 if self.cosine else None, enable_gqa=True
        )
        return self.apply(f"{name}.out", y[0].transpose(0, 1).flatten(1))

    def parts(self, layer, memory):
        """The branches of a block, each from what it reads to what it adds."""
        name = f"layers.{layer}"
        kv = self.kv_heads * self.head

        def attention(x):
            q, k, v = self.apply(f"{name}.attention.qkv", x).split((self.hidden, kv, kv), -1)
            return self.attend(f"{name}.attention", q, k, v, own=True)

        def cross(x):
            k, v = self.apply(f"{name}.cross_attention.kv", memory).split(kv, -1)
            return self.attend(f"{name}.cross_attention", self.apply(f"{name}.cross_attention.q", x), k, v, own=False)

        def feed_forward(x):
            x = self.apply(f"{name}.feed_forward.up", x)
            if self.function == "swiglu":
                gate, x = x.split(self.inner, -1)
                x = nn.functional.silu(gate) * x
            else:
                x = FUNCTIONS[self.function](x)
            return self.apply(f"{name}.feed_forward.down", x)

        return [attention, cross, feed_forward] if self.memory else [attention, feed_forward]

    def begin(self, x):
        if self.position == "learned":
            return x + self.weights["position.weight"][: len(x)]
        if self.position == "sinusoidal":
            angles = torch.arange(len(x))[:, None] / 10000.0 ** (torch.arange(0, self.hidden, 2) / self.hidden).double()
            return x + torch.stack((angles.sin(), angles.cos()), -1).flatten(1)
        return x

    def __call__(self, x, memory=None):
        x = self.begin(x)
        for layer in range(self.layers):
            for number, part in enumerate(self.parts(layer, memory), start=1):
                norm = f"layers.{layer}.norm{number}"
                if self.norm_first:
                    x = x + part(self.normalise(norm, x))
                else:
                    x = self.normalise(norm, x + part(x))
        return self.normalise("norm", x) if self.norm_first else x

    def by_torch(self, x, memory=None):
        """The same by PyTorch's own layers, where they can do it; else None."""
        plain = self.norm == "layer" and self.heads == self.kv_heads and not self.cosine
        if not plain or self.function == "swiglu" or self.position in ("rotary", "alibi"):
            return None
        kind = nn.TransformerDecoderLayer if self.memory else nn.TransformerEncoderLayer
        layer = kind(
            self.hidden, self.heads, self.inner, 0.0, FUNCTIONS[self.function],
            batch_first=True, norm_first=self.norm_first, bias=self.bias,
        )  # fmt: skip
        future = torch.ones(len(x), len(x)).triu(1).bool() if self.causal else None
        x = self.begin(x)[None]
        for number in range(self.layers):
            of = lambda name: self.weights.get(f"layers.{number}.{name}")
            weights = {}
            for end in ["weight", "bias"] if self.bias else ["weight"]:
                weights |= {
                    f"self_attn.in_proj_{end}": of(f"attention.qkv.{end}"),
                    f"self_attn.out_proj.{end}": of(f"attention.out.{end}"),
                    f"linear1.{end}": of(f"feed_forward.up.{end}"),
                    f"linear2.{end}": of(f"feed_forward.down.{end}"),
                    f"norm1.{end}": of(f"norm1.{end}"),
                    f"norm2.{end}": of(f"norm2.{end}"),
                }
                if self.memory:
                    q, kv = of(f"cross_attention.q.{end}"), of(f"cross_attention.kv.{end}")
                    weights |= {
                        f"multihead_attn.in_proj_{end}": torch.cat((q, kv)),
                        f"multihead_attn.out_proj.{end}": of(f"cross_attention.out.{end}"),
                        f"norm3.{end}": of(f"norm3.{end}"),
                    }
            if self.memory:
                x = torch.func.functional_call(layer, weights, (x, memory[None]), {"tgt_mask": future})
            else:
                x = torch.func.functional_call(layer, weights, (x,), {"src_mask": future})
        return self.normalise("norm", x[0]) if self.norm_first else x[0]


def pack(sequences):
    """Sequences, the longest first, time-major: all that have a step 0, then all that have a step 1, ..."""
    steps = range(len(sequences[0]))
    return torch.stack([sequence[step] for step in steps for sequence in sequences if step < len(sequence)])


def transformer(name, **options):
    """x, memory, y, dy packed, their rows a step in batch_sizes and memory_sizes; sources: the sequence of the memory that
    each of x reads. The loss is sum(y*dy); grad.<name> its gradient by x, memory and every weight, whose names are ours.
    """
    torch.manual_seed(3)
    stack = Stack(**options)
    lengths, sources, sizes = [5, 4, 2, 1], [2, 0, 3, 1], lambda all: [sum(n > i for n in all) for i in range(all[0])]
    x = [draw(length, stack.hidden) for length in lengths]
    tensors, memory, leaves = {"batch_sizes": sizes(lengths)}, [], {"x": x}
    if stack.memory:
        memory = [draw(length, stack.memory) for length in [6, 4, 3, 1]]
        tensors |= {"memory_sizes": sizes([6, 4, 3, 1]), "sources": sources}
        leaves["memory"] = memory
    read = [[memory[source]] if memory else [] for source in sources]
    y = [stack(x, *read) for x, read in zip(x, read)]
    for x, read, found in zip(x, read, y):
        expected = stack.by_torch(x, *read)
        assert expected is None or torch.allclose(found, expected, atol=1e-12), name
    upstream = [draw(*y.shape).detach() for y in y]
    sum((y * dy).sum() for y, dy in zip(y, upstream)).backward()
    tensors |= {"y": pack(y), "dy": pack(upstream)} | stack.weights
    tensors |= {key: pack(parts) for key, parts in leaves.items()}
    tensors |= {f"grad.{key}": pack([part.grad for part in parts]) for key, parts in leaves.items()}
    write(f"transformer_{name}", tensors | {f"grad.{key}": weight.grad for key, weight in stack.weights.items()})


def main():
    for name, options in TRANSFORMERS.items():
        transformer(name, **options)
    for kind in KINDS:
        for stack in STACKS:
            recurrent(kind, stack, "")
        recurrent(kind, "1layer", "_uniform")
    embedding_linear_cross_entropy()
    losses()
    convolution("same", 3, 1, 1)
    convolution("strided", 3, 2, 1)
    convolution("valid", 2, 3, 0)

    lr, beta1, beta2, eps, weight_decay, momentum = 0.01, 0.9, 0.99, 1e-8, 0.1, 0.9
    optimizer(
        "adamw",
        lambda params: torch.optim.AdamW(params, lr, (beta1, beta2), eps),
        lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay,
    )  # fmt: skip
    optimizer(
        "sgd_momentum",
        lambda params: torch.optim.SGD(params, lr, momentum),
        lr=lr, momentum=momentum, weight_decay=weight_decay,
    )  # fmt: skip


if __name__ == "__main__":
    main()
