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


def optimizer(name, make, **settings):
    """Three steps with given gradients, clipped together to a global norm.

    Each setting as a tensor [1]; a.0, b.0 the parameters before, a.k, b.k after step k; grad.a.k, grad.b.k the gradients
    of step k before clipping; norm [3] their norms. PyTorch clips by min(1, max_norm / (norm + 1e-6)).
    """
    torch.manual_seed(2)
    max_norm = 1.0
    params = {"a": draw(5, 3), "b": draw(7)}
    steps = make(params.values())
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


def main():
    for kind in KINDS:
        for stack in STACKS:
            recurrent(kind, stack, "")
        recurrent(kind, "1layer", "_uniform")
    embedding_linear_cross_entropy()

    lr, beta1, beta2, eps, weight_decay, momentum = 0.01, 0.9, 0.99, 1e-8, 0.1, 0.9
    optimizer(
        "adamw",
        lambda params: torch.optim.AdamW(params, lr, (beta1, beta2), eps, weight_decay),
        lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay,
    )  # fmt: skip
    optimizer(
        "sgd_momentum",
        lambda params: torch.optim.SGD(params, lr, momentum),
        lr=lr, momentum=momentum,
    )  # fmt: skip


if __name__ == "__main__":
    main()
