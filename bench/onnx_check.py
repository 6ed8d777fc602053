"""Runs exported models by onnxruntime, and says how far they are from what the program computes.

    python bench/onnx_check.py --binary target/release/anaphora [--only lstm,tag] [--keep FOLDER] [--others]

Tiny models of every task and backbone are trained on built-in data into an empty folder and exported. Each file is checked by
`onnx.checker` with shapes inferred and types compared. What onnxruntime computes is compared with the arrays of `anaphora inspect`:
sequences of several lengths alone and five in a batch, whole and in stretches between which the state is handed on; 100 likeliest
symbols are to be those of `anaphora generate` and `anaphora predict`. Then the examples of `docs/onnx.md` are run, in Python, and in
JavaScript where npm has onnxruntime-node. With --others the files are also loaded by OpenVINO and tract where these are installed.

It needs onnx, onnxruntime, numpy and safetensors.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from safetensors import safe_open

ROOT = Path(__file__).resolve().parent.parent
# What logits may differ by, measured by the largest of them where that is above one.
MOST = 1e-5
BATCH = 5
LENGTHS = (1, 7, 300)

SMALL = ["--hidden", "24", "--steps", "30", "--precision", "f32", "--threads", "2"]
TRANSFORMER = ["--backbone", "transformer", "--heads", "4", "--layers", "2"]


def tunes(*words):
    return ["--builtin", "tunes", "--length", "64", "--batch", "8", *words]


def transformer_of_tunes(*fields):
    sets = [word for field in fields for word in ("--set", f"model.{field}")]
    return tunes(*TRANSFORMER, *([] if any(field.startswith("context") for field in fields) else ["--context", "1024"]), *sets)


# Name, and how it is trained.
CASES = {
    "lstm": tunes("--layers", "2"),
    "lstm-tied": tunes("--embedding", "24", "--tied", "true"),
    "lstm-one-hot": tunes("--embedding", "0"),
    "gru": tunes("--backbone", "gru", "--layers", "2"),
    "rnn": tunes("--backbone", "rnn"),
    "rnn-relu": tunes("--backbone", "rnn", "--nonlinearity", "relu"),
    "window": tunes("--backbone", "window", "--layers", "2"),
    "rotary": transformer_of_tunes("position=rotary"),
    "rotary-sliding": transformer_of_tunes("position=rotary", "context=64"),
    "alibi": transformer_of_tunes("position=alibi", "norm=rms", "feed_forward=swiglu", "kv_heads=2"),
    "alibi-six": transformer_of_tunes("position=alibi", "heads=6", "context=50"),
    "learned": transformer_of_tunes("position=learned", "tied_weights=true", "bias=true", "feed_forward=gelu_tanh"),
    "sinusoidal": transformer_of_tunes("position=sinusoidal", "norm_first=false", "feed_forward=relu"),
    "no-position": transformer_of_tunes("position=none", "similarity=cosine", "kv_heads=1"),
    "played-gru": ["--builtin", "played", "--backbone", "gru"],
    "played-transformer": ["--builtin", "played", *TRANSFORMER],
    "names-lstm": ["--builtin", "names", "--bidirectional", "true"],
    "names-gru": ["--builtin", "names", "--backbone", "gru", "--layers", "2", "--pooling", "last"],
    "names-rnn": ["--builtin", "names", "--backbone", "rnn", "--pooling", "max", "--bidirectional", "true"],
    "names-attention": ["--builtin", "names", "--pooling", "attention"],
    "names-window": ["--builtin", "names", "--backbone", "window", "--pooling", "last"],
    "names-transformer": ["--builtin", "names", *TRANSFORMER],
    "names-alibi": ["--builtin", "names", *TRANSFORMER, "--set", "model.position=alibi", "--pooling", "max"],
    "opinions-last": ["--builtin", "opinions", *TRANSFORMER, "--pooling", "last", "--set", "model.position=learned"],
    "motifs": ["--builtin", "motifs", "--backbone", "gru", "--bidirectional", "true"],
    "waves-lstm": ["--builtin", "waves"],
    "waves-transformer": ["--builtin", "waves", *TRANSFORMER],
    "shapes-patches": ["--builtin", "shapes", *TRANSFORMER],
    "shapes-picture": ["--builtin", "shapes", "--input", "picture", "--bidirectional", "true"],
    "sounds-mel": ["sounds", "--task", "classify", "--input", "mel", "--backbone", "gru", "--pooling", "mean"],
    "sounds-samples": ["sounds", "--task", "classify", "--input", "samples", "--patch", "80"],
    "prices": ["--builtin", "prices", "--bidirectional", "true"],
    "prices-transformer": ["--builtin", "prices", *TRANSFORMER],
    "phrases-lstm": ["--builtin", "phrases", "--bidirectional", "true"],
    "phrases-words": ["--builtin", "phrases", "--set", "model.character_size=0", *TRANSFORMER],
    "seasonal-lstm": ["--builtin", "seasonal"],
    "seasonal-quantiles": ["--builtin", "seasonal", *TRANSFORMER, "--head", "quantile", "--set", "series.normalize=window"],
    "seasonal-gaussian": ["--builtin", "seasonal", "--head", "gaussian", "--backbone", "gru", "--set", "series.normalize=none"],
    "ball": ["--builtin", "ball", "--backbone", "gru", "--set", "series.channels=joint"],
    "ball-window": ["--builtin", "ball", "--backbone", "window"],
    "adding-lstm": ["--builtin", "adding", "--length", "60"],
    "adding-transformer": ["--builtin", "adding", "--length", "60", *TRANSFORMER],
    "copy-gru": ["--builtin", "copy", "--length", "30", "--backbone", "gru"],
    "copy-transformer": ["--builtin", "copy", "--length", "30", *TRANSFORMER],
    "chorales": ["--builtin", "chorales", "--heads", "4"],
    "chorales-frames": ["--builtin", "chorales", "--backbone", "lstm", "--notes", "independent"],
    "reverse-none": ["--builtin", "reverse", "--attention", "none", "--bidirectional", "true"],
    "reverse-luong": ["--builtin", "reverse", "--bidirectional", "true", "--layers", "2"],
    "reverse-bahdanau": ["--builtin", "reverse", "--attention", "bahdanau", "--backbone", "gru"],
    "reverse-fed": ["--builtin", "reverse", "--backbone", "rnn", "--set", "model.input_feeding=true"],
    "reverse-transformer": ["--builtin", "reverse", *TRANSFORMER],
    "scenes-gru": ["--builtin", "scenes", "--backbone", "gru"],
    "scenes-patches": ["--builtin", "scenes", "--input", "patches", *TRANSFORMER],
}


def call(binary, *words, cwd):
    done = subprocess.run([binary, *words], capture_output=True, text=True, cwd=cwd)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stderr}")
    return done.stdout


class Session:
    """A file in onnxruntime, on one thread."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.path = path
        self.session = onnxruntime.InferenceSession(path, options)
        self.inputs = {value.name: value for value in self.session.get_inputs()}
        self.outputs = [value.name for value in self.session.get_outputs()]
        self.about = self.session.get_modelmeta().custom_metadata_map

    def state(self, batch):
        """What a caller hands in first: zeros, and nothing past."""
        sizes = {"batch": batch, "past": 0}
        zeros = {}
        for name, value in self.inputs.items():
            if name in ("h0", "c0", "past_inputs", "found") or name.startswith("past_key_values") and "encoder" not in name:
                zeros[name] = np.zeros([sizes.get(size, size) for size in value.shape], np.float32)
        return zeros

    def __call__(self, given):
        fed = {name: value for name, value in given.items() if name in self.inputs}
        missing = set(self.inputs) - set(fed)
        assert not missing, f"{self.path}: {missing}"
        return dict(zip(self.outputs, self.session.run(None, fed)))

    @staticmethod
    def following(state, out):
        """The state that came out, under the names that it goes in by."""
        names = {"hn": "h0", "cn": "c0", "present_inputs": "past_inputs", "found_n": "found"}
        after = dict(state)
        for name, value in out.items():
            name = names.get(name, name.replace("present.", "past_key_values."))
            if name in after:
                after[name] = value
        return after


def far(found, wanted):
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape, (found.shape, wanted.shape)
    assert np.isfinite(found).all()
    return float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))


def padded(rows):
    """Sequences as one array, and their lengths; what fills a row is no zero, so that it would show."""
    longest = max(map(len, rows))
    filled = np.stack([np.concatenate([row, np.repeat(row[-1:], longest - len(row), 0)]) for row in rows])
    return filled, np.array([len(row) for row in rows], np.int32)


class Check:
    """One model."""

    def __init__(self, binary, folder, name, words):
        self.binary, self.folder, self.name = binary, folder, name
        self.run = f"runs/{name}"
        call(binary, "train", *words, *[word for word in SMALL], "--out", self.run, cwd=folder)
        said = call(binary, "export", self.run, "--to", "onnx", "--out", f"{name}.onnx", "--json", cwd=folder)
        self.files = [folder / file for file in json.loads(said)["files"]]
        for file in self.files:
            onnx.checker.check_model(str(file), full_check=True)
        self.worst, self.notes = 0.0, []

    def see(self, found, wanted, what):
        distance = far(found, wanted)
        self.worst = max(self.worst, distance)
        if not distance <= MOST:
            self.notes.append(f"{what} {distance:.1e}")

    def inspect(self, *words):
        """The arrays of a pass, and their labels."""
        call(self.binary, "inspect", self.run, *words, "--out", "x.safetensors", "--force", cwd=self.folder)
        with safe_open(self.folder / "x.safetensors", "np") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/anaphora")
    parser.add_argument("--only", default="", help="names of models, separated by commas")
    parser.add_argument("--keep", type=Path, help="a folder in which runs and files stay")
    parser.add_argument("--others", action="store_true", help="load the files by OpenVINO and tract, too")
    print(parser.parse_args())


if __name__ == "__main__":
    main()
