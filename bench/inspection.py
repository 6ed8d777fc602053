"""Compares what `anaphora inspect` says with PyTorch, transformers and scikit-learn on the same weights.

    python bench/inspection.py --binary target/release/anaphora

Small models are trained for a few steps on built-in data: every recurrent cell with two layers, in one direction and in two, and a
GPT-2. Each is rebuilt in PyTorch from the run's `model.safetensors`, reads the tokens that the inspection names, and what comes
out is compared in double precision: gates, states, logits, embeddings, attention weights and residual streams by their largest
difference (relative where they are above 1), gradients by distance by their largest relative difference where they are not lost in rounding.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

GATES = {"lstm": "ifgo", "gru": "rzn", "rnn": ""}


def run(binary, *words):
    done = subprocess.run([binary, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def array(inspection, name):
    found = inspection["arrays"][name]
    values = np.array([np.nan if value is None else value for value in found["values"]], dtype=np.float64)
    return values.reshape(found["shape"])


class Report:
    def __init__(self):
        self.failed = 0

    def compare(self, what, ours, theirs, limit, relative=False):
        theirs = np.asarray(theirs, dtype=np.float64)
        assert ours.shape == theirs.shape, (what, ours.shape, theirs.shape)
        differences = np.abs(ours - theirs)
        if relative:
            # What is lost in the rounding of a 32-bit sum is not compared.
            floor = 1e-5 * np.nanmax(np.abs(theirs))
            differences = differences / np.maximum(np.abs(theirs), floor)
        else:
            differences = differences / np.maximum(np.abs(theirs), 1)
        worst = np.nanmax(differences)
        ok = worst <= limit
        self.failed += not ok
        print(f"{what:<52}{worst:10.2e}  at most {limit:.0e}  {'' if ok else 'WRONG'}")


def cell(kind, nonlinearity, weights, layer, suffix):
    """A function from an input and a state to gates and the next state, of single steps."""
    parts = [f"{part}_l{layer}{suffix}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    w_ih, w_hh, b_ih, b_hh = (torch.tensor(weights[f"rnn.{part}"], dtype=torch.float64) for part in parts)

    def step(x, h, c):
        a, b = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
        if kind == "lstm":
            i, f, g, o = (a + b).chunk(4, -1)
            i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
            c = f * c + i * g
            return {"i": i, "f": f, "g": g, "o": o, "c": c}, o * c.tanh(), c
        if kind == "gru":
            (ar, az, an), (br, bz, bn) = a.chunk(3, -1), b.chunk(3, -1)
            r, z = (ar + br).sigmoid(), (az + bz).sigmoid()
            n = (an + r * bn).tanh()
            return {"r": r, "z": z, "n": n}, (1 - z) * n + z * h, c
        h = (a + b).relu() if nonlinearity == "relu" else (a + b).tanh()
        return {}, h, c

    return step, w_hh.shape[1]


def unroll(kind, nonlinearity, weights, x, layers, bidirectional):
    """All layers over one sequence `x [steps, width]`, a step at a time, in double precision."""
    seen, states = {}, {}
    for layer in range(layers):
        outputs = []
        for suffix in ("", "_reverse") if bidirectional else ("",):
            step, size = cell(kind, nonlinearity, weights, layer, suffix)
            h = c = torch.zeros(size, dtype=torch.float64)
            order = range(len(x)) if not suffix else reversed(range(len(x)))
            kept = [None] * len(x)
            for t in order:
                gates, h, c = step(x[t], h, c)
                if h.requires_grad:
                    h.retain_grad()
                    c.retain_grad() if c.requires_grad else None
                kept[t] = (gates, h, c)
            for name in kept[0][0]:
                seen[f"gates.l{layer}{suffix}.{name}"] = torch.stack([gates[name] for gates, _, _ in kept])
            seen[f"gates.l{layer}{suffix}.h"] = torch.stack([h for _, h, _ in kept])
            states[f"l{layer}{suffix}"] = [(h, c) for _, h, c in kept]
            outputs.append(seen[f"gates.l{layer}{suffix}.h"])
        x = torch.cat(outputs, -1)
    return x, seen, states


def train(binary, builtin, kind, nonlinearity, layers, out, *more):
    own = ["--set", f"model.nonlinearity={nonlinearity}"] if kind == "rnn" else []
    run(binary, "train", "--builtin", builtin, "--backbone", kind, *own, "--layers", str(layers), "--hidden", "24", "--steps", "60",
        "--out", out, *more)


def recurrent(report, binary, folder, kind, nonlinearity):
    out = str(folder / f"{kind}-{nonlinearity}")
    # Two layers of identity matrices over a state that is carried on add up to numbers that no rate can learn from.
    layers = 1 if nonlinearity == "relu" else 2
    train(binary, "tunes", kind, nonlinearity, layers, out)
    inspection = json.loads(run(binary, "inspect", out, "--json", "--show", "next,gates,gradients,embedding,units"))
    weights = load_file(f"{out}/model.safetensors")
    tokens = array(inspection, "tokens").astype(int)
    table = torch.tensor(weights["embedding.weight"], dtype=torch.float64)
    name = kind if kind != "rnn" else f"rnn {nonlinearity}"
    x = table[tokens].clone().requires_grad_()
    y, seen, states = unroll(kind, nonlinearity, weights, x, layers, False)
    head = torch.tensor(weights["head.weight"], dtype=torch.float64), torch.tensor(weights["head.bias"], dtype=torch.float64)
    logits = y @ head[0].T + head[1]
    report.compare(f"{name}: logits", array(inspection, "logits"), logits.detach(), 1e-5)
    for what, values in seen.items():
        report.compare(f"{name}: {what}", array(inspection, what), values.detach(), 1e-5)
    report.compare(f"{name}: embedding", array(inspection, "embedding"), table, 1e-5)
    plane = PCA(2).fit_transform(table.numpy())
    report.compare(f"{name}: plane of the embedding, signs aside", np.abs(array(inspection, "embedding.plane")), np.abs(plane), 1e-5)
    gradients(report, name, inspection, logits, array(inspection, "targets").astype(int), x, states)


def gradients(report, name, inspection, logits, targets, x, states):
    """Norms by distance of the gradients of the losses at the steps that the inspection names."""
    ends = [int(label) for label in inspection["labels"]["ends"]]
    found = {what[len("gradients.norms."):]: array(inspection, what)
             for what in inspection["arrays"] if what.startswith("gradients.norms.")}
    theirs = {what: np.full(values.shape, np.nan) for what, values in found.items()}
    for row, end in enumerate(ends):
        leaves = [x] + [part for steps in states.values() for state in steps for part in state if part.requires_grad]
        for leaf in leaves:
            leaf.grad = None
        loss = torch.nn.functional.cross_entropy(logits[end:end + 1], torch.tensor(targets[end:end + 1]))
        loss.backward(retain_graph=True)
        norm = lambda grad: 0.0 if grad is None else float(grad.norm())
        for k in range(end + 1):
            theirs["input"][row, k] = 0.0 if x.grad is None else float(x.grad[end - k].norm())
            for layer, steps in states.items():
                h, c = steps[end - k]
                theirs[f"hidden.{layer}"][row, k] = norm(h.grad)
                if f"cell.{layer}" in theirs:
                    theirs[f"cell.{layer}"][row, k] = norm(c.grad)
    for what, values in found.items():
        report.compare(f"{name}: gradients.{what}, relative", values, theirs[what], 1e-4, relative=True)
        quantiles = np.nanquantile(theirs[what], [0.1, 0.25, 0.5, 0.75, 0.9], axis=0).T
        report.compare(f"{name}: its quantiles, relative", array(inspection, f"gradients.{what}"), quantiles, 1e-4, relative=True)


def classifier(report, binary, folder, kind, nonlinearity):
    """Both directions."""
    out = str(folder / f"names-{kind}-{nonlinearity}")
    train(binary, "names", kind, nonlinearity, 2, out, "--bidirectional")
    inspection = json.loads(run(binary, "inspect", out, "--json", "--text", "Annesdottir", "--show", "gates,saliency"))
    weights = load_file(f"{out}/model.safetensors")
    tokens = array(inspection, "tokens").astype(int)
    x = torch.tensor(weights["embedding.weight"], dtype=torch.float64)[tokens].clone().requires_grad_()
    y, seen, _ = unroll(kind, nonlinearity, weights, x, 2, True)
    for what, values in seen.items():
        report.compare(f"{kind} {nonlinearity} in two directions: {what}", array(inspection, what), values.detach(), 1e-5)


def gpt(report, binary, folder):
    from transformers import GPT2LMHeadModel

    out = str(folder / "gpt")
    run(binary, "train", "--builtin", "tunes", "--backbone", "transformer", "--position", "learned", "--layers", "3", "--hidden", "32",
        "--set", "model.heads=4", "--set", "model.norm=layer", "--set", "model.feed_forward=gelu_tanh", "--set", "model.bias=true",
        "--set", "model.tied_weights=true", "--steps", "60", "--out", out)
    run(binary, "export", out, "--to", "huggingface", "--out", f"{out}-hf")
    inspection = json.loads(run(binary, "inspect", out, "--json"))
    model = GPT2LMHeadModel.from_pretrained(f"{out}-hf", attn_implementation="eager").double().eval()
    tokens = torch.tensor(array(inspection, "tokens").astype(int))[None]
    with torch.no_grad():
        output = model(tokens, output_attentions=True, output_hidden_states=True)
    report.compare("GPT-2: logits", array(inspection, "logits"), output.logits[0], 1e-5)
    for block, weights in enumerate(output.attentions):
        report.compare(f"GPT-2: attention.b{block}", array(inspection, f"attention.b{block}"), weights[0], 1e-5)
    # The last of transformers' hidden states stands behind the last norm.
    for block, hidden in enumerate(output.hidden_states[1:-1]):
        report.compare(f"GPT-2: hidden.b{block}", array(inspection, f"hidden.b{block}"), hidden[0], 1e-5)
    for block in range(len(output.attentions)):
        q, k = (array(inspection, f"{part}.b{block}") for part in "qk")
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        scores[:, np.triu(np.ones(scores.shape[1:], dtype=bool), 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        report.compare(f"GPT-2: softmax of q·k/√d, block {block}", array(inspection, f"attention.b{block}"), weights, 1e-5)
    targets = array(inspection, "targets").astype(int)
    embeddings = model.transformer.wte(tokens).detach().clone().requires_grad_()
    output = model(inputs_embeds=embeddings, output_hidden_states=True)
    ends = [int(label) for label in inspection["labels"]["ends"]]
    found = array(inspection, "gradients.norms.input")
    theirs = np.full(found.shape, np.nan)
    for row, end in enumerate(ends):
        embeddings.grad = None
        loss = torch.nn.functional.cross_entropy(output.logits[0, end:end + 1], torch.tensor(targets[end:end + 1]))
        loss.backward(retain_graph=True)
        theirs[row, :end + 1] = embeddings.grad[0, :end + 1].norm(dim=-1).flip(0)
    report.compare("GPT-2: gradients.input, relative", found, theirs, 1e-4, relative=True)


def units(report, binary, folder):
    """The AUROC of units on a text in which all that they are compared with can be seen."""
    text = folder / "text.abc"
    text.write_text("X:1\nT:The Test\nM:4/4\nL:1/8\nK:G\nG2BG dGBG|A2FA dAFA|G2BG dGBd|edcA G4|\n")
    out = str(folder / "lstm-tanh")
    inspection = json.loads(run(binary, "inspect", out, "--json", "--data", str(text), "--show", "gates,units"))
    is_there = array(inspection, "features")[1:]
    labels = inspection["labels"]
    ours, theirs = [], []
    areas = array(inspection, "units.auroc")
    for index, unit in enumerate(labels["tracked"]):
        layer, number = unit.split(".")
        values = array(inspection, f"gates.{layer}.{number[0]}")[1:, int(number[1:])]
        for feature in range(len(labels["features"])):
            if 0 < is_there[:, feature].sum() < len(is_there):
                ours.append(areas[index, feature])
                theirs.append(roc_auc_score(is_there[:, feature], values))
    report.compare("units.auroc", np.array(ours), np.array(theirs), 1e-6)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=lambda path: str(Path(path).resolve()), required=True)
    args = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for kind, nonlinearity in [("rnn", "tanh"), ("rnn", "relu"), ("gru", "tanh"), ("lstm", "tanh")]:
            recurrent(report, args.binary, folder, kind, nonlinearity)
            classifier(report, args.binary, folder, kind, nonlinearity)
        gpt(report, args.binary, folder)
        units(report, args.binary, folder)
    sys.exit(f"{report.failed} differ" if report.failed else 0)


if __name__ == "__main__":
    main()
