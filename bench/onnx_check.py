"""Runs exported models by onnxruntime, and says how far they are from what the program computes.

    python bench/onnx_check.py --binary target/release/anaphora [--only lstm,tag] [--keep FOLDER] [--others]

Tiny models of every task and backbone are trained on built-in data into an empty folder and exported. Each file is checked by
`onnx.checker` with shapes inferred and types compared. What onnxruntime computes is compared with the arrays of `anaphora inspect`:
sequences of several lengths alone and five in a batch, whole and in stretches between which the state is handed on; 100 likeliest
symbols are to be those of `anaphora generate` and `anaphora predict`. Then the examples of `docs/onnx.md` are run, in Python, and in
JavaScript where npm has onnxruntime-node; those that classify are asked odd texts. With --others the last thing that was compared is computed by OpenVINO and tract, too, and its
distance from onnxruntime's is shown, or why it is not; with --equal-lengths the files are those for runtimes that know no lengths.

It needs onnx, onnxruntime, numpy, safetensors and regex.
"""

import argparse
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import wave
import zlib
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

SMALL = ["--hidden", "24", "--precision", "f32", "--threads", "2"]
TRANSFORMER = ["--backbone", "transformer", "--heads", "4", "--layers", "2"]


def tunes(*words):
    return ["--builtin", "tunes", "--length", "64", "--batch", "8", *words]


def transformer_of_tunes(*fields):
    sets = [word for field in fields for word in ("--set", f"model.{field}")]
    return tunes(*TRANSFORMER, *([] if any(field.startswith("context") for field in fields) else ["--context", "1024"]), *sets)


# Name, and how it is trained.
CASES = {
    "lstm": tunes("--layers", "2"),
    "lstm-tied": tunes("--embedding", "24", "--set", "model.tied_weights=true"),
    "lstm-one-hot": tunes("--embedding", "0"),
    "gru": tunes("--backbone", "gru", "--layers", "2"),
    "rnn": tunes("--backbone", "rnn"),
    "rnn-relu": tunes("--backbone", "rnn", "--nonlinearity", "relu"),
    "window": tunes("--backbone", "window", "--layers", "2"),
    "rotary": transformer_of_tunes("position=rotary"),
    "rotary-sliding": transformer_of_tunes("position=rotary", "context=64", "rotary_base=500"),
    "alibi": transformer_of_tunes("position=alibi", "norm=rms", "feed_forward=swiglu", "kv_heads=2"),
    "alibi-six": transformer_of_tunes("position=alibi", "heads=6", "context=80"),
    "learned": transformer_of_tunes("position=learned", "tied_weights=true", "bias=true", "feed_forward=gelu_tanh"),
    "sinusoidal": transformer_of_tunes("position=sinusoidal", "norm_first=false", "feed_forward=relu"),
    "no-position": transformer_of_tunes("position=none", "similarity=cosine", "kv_heads=1"),
    "played-gru": ["--builtin", "played", "--backbone", "gru"],
    "played-transformer": ["--builtin", "played", *TRANSFORMER],
    "names-lstm": ["--builtin", "names", "--set", "model.bidirectional=true"],
    "names-gru": ["--builtin", "names", "--backbone", "gru", "--layers", "2", "--pooling", "last", "--set", "model.bidirectional=false"],
    "names-rnn": ["--builtin", "names", "--backbone", "rnn", "--pooling", "max", "--set", "model.bidirectional=true"],
    "names-attention": ["--builtin", "names", "--pooling", "attention"],
    "names-window": ["--builtin", "names", "--backbone", "window", "--pooling", "last"],
    "names-transformer": ["--builtin", "names", *TRANSFORMER],
    "names-alibi": ["--builtin", "names", *TRANSFORMER, "--set", "model.position=alibi", "--pooling", "max"],
    "opinions-last": ["--builtin", "opinions", *TRANSFORMER, "--pooling", "last", "--set", "model.position=learned"],
    "motifs": ["--builtin", "motifs", "--backbone", "gru", "--set", "model.bidirectional=true"],
    "waves-lstm": ["--builtin", "waves"],
    "waves-transformer": ["--builtin", "waves", *TRANSFORMER],
    "shapes-patches": ["--builtin", "shapes", *TRANSFORMER],
    "pictures-whole": ["pictures", "--task", "classify", "--input", "picture", "--set", "model.bidirectional=true"],
    "pictures-rows": ["pictures", "--task", "classify", "--input", "rows", "--backbone", "rnn"],
    "pictures-pixels": ["pictures", "--task", "classify", "--input", "pixels", "--backbone", "window", "--pooling", "attention"],
    "sounds-mel": ["sounds", "--task", "classify", "--input", "mel", "--backbone", "gru", "--pooling", "mean"],
    "sounds-samples": ["sounds", "--task", "classify", "--input", "samples", "--patch", "80"],
    "prices": ["--builtin", "prices", "--set", "model.bidirectional=true"],
    "prices-transformer": ["--builtin", "prices", *TRANSFORMER],
    "phrases-lstm": ["--builtin", "phrases", "--set", "model.bidirectional=true"],
    "phrases-words": ["--builtin", "phrases", "--set", "model.character_size=0", *TRANSFORMER],
    "seasonal-lstm": ["--builtin", "seasonal"],
    "seasonal-quantiles": ["--builtin", "seasonal", *TRANSFORMER, "--head", "quantile", "--set", "series.normalize=window"],
    "seasonal-gaussian": ["--builtin", "seasonal", "--head", "gaussian", "--backbone", "gru", "--set", "series.normalize=none"],
    "hours": ["hours.csv", "--task", "forecast", "--horizon", "12", "--set", "series.transform=log", "--set", "data.patch=8"],
    "hours-joint": ["hours.csv", "--task", "forecast", "--horizon", "12", "--set", "series.channels=joint", "--set", "series.transform=sqrt", *TRANSFORMER],
    "ball": ["--builtin", "ball", "--backbone", "gru", "--set", "series.channels=joint"],
    "ball-window": ["--builtin", "ball", "--backbone", "window"],
    "adding-lstm": ["--builtin", "adding", "--length", "60"],
    "adding-transformer": ["--builtin", "adding", "--length", "60", *TRANSFORMER],
    "copy-gru": ["--builtin", "copy", "--length", "30", "--backbone", "gru"],
    "copy-transformer": ["--builtin", "copy", "--length", "30", *TRANSFORMER],
    "chorales": ["--builtin", "chorales", "--heads", "4"],
    "chorales-frames": ["--builtin", "chorales", "--backbone", "lstm", "--notes", "independent"],
    "reverse-none": ["--builtin", "reverse", "--steps", "500", "--attention", "none", "--set", "model.bidirectional=true"],
    "reverse-luong": ["--builtin", "reverse", "--steps", "500", "--set", "model.bidirectional=true", "--layers", "2"],
    "reverse-bahdanau": ["--builtin", "reverse", "--steps", "500", "--attention", "bahdanau", "--backbone", "gru"],
    "reverse-fed": ["--builtin", "reverse", "--steps", "500", "--backbone", "rnn", "--set", "model.input_feeding=true"],
    "reverse-transformer": ["--builtin", "reverse", "--steps", "500", *TRANSFORMER],
    "scenes-gru": ["--builtin", "scenes", "--steps", "200", "--backbone", "gru"],
    "scenes-patches": ["--builtin", "scenes", "--steps", "200", "--input", "patches", *TRANSFORMER],
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
        self.last = fed, dict(zip(self.outputs, self.session.run(None, fed)))
        return self.last[1]

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


def scaled_back(frames, reads):
    """Frames in their own unit, as the scaler of the run's file has them."""
    scaler = reads.get("scaler")
    if not scaler:
        return frames
    times = frames.shape[1] // len(scaler["mean"])
    mean, deviation = (np.tile(np.array(scaler[of], np.float32), times) for of in ("mean", "deviation"))
    return frames * deviation + mean


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def write_png(path, pixels):
    """Writes `pixels [height, width, 3]` from 0 to 1."""
    height, width, _ = pixels.shape
    rows = np.round(pixels * 255).astype(np.uint8).reshape(height, -1)
    data = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def write_sounds(folder):
    """Tones of two classes, of unequal lengths, at 8,000 samples a second."""
    rng = np.random.default_rng(1)
    for label, hertz in (("low", 300), ("high", 1200)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(12):
            time = np.arange(2400 + 160 * number) / 8000
            sound = 0.5 * np.sin(2 * np.pi * hertz * time * rng.uniform(0.9, 1.1)) + 0.05 * rng.standard_normal(len(time))
            with wave.open(str(folder / label / f"{number}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes((sound * 32767).astype("<i2").tobytes())


def write_pictures(folder):
    """Noise in two colours."""
    rng = np.random.default_rng(2)
    for label, colour in (("red", (0.9, 0.3, 0.2)), ("blue", (0.2, 0.3, 0.9))):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for number in range(12):
            write_png(folder / label / f"{number}.png", np.clip(np.array(colour) + 0.1 * rng.standard_normal((18, 20, 3)), 0, 1))


def write_hours(path, table):
    """A table of one series with another that follows it."""
    head, *rows = table.splitlines()
    cells = [row.split(",") for row in rows]
    twice = [f"{date},{value},{float(value) * 0.5 + 3 + number % 5}" for number, (date, value) in enumerate(cells)]
    path.write_text("\n".join([f"{head},other", *twice]) + "\n")


def read_wav(path):
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


class Check:
    """One model: trained, exported, and compared."""

    def __init__(self, binary, folder, name, words, equal):
        self.binary, self.folder, self.name, self.equal = binary, folder, name, equal
        self.run = f"runs/{name}"
        few = SMALL if "--steps" in words else [*SMALL, "--steps", "30"]
        call(binary, "train", *words, *few, "--out", self.run, cwd=folder)
        said = call(binary, "export", self.run, "--to", "onnx", "--out", f"{name}.onnx", "--force", "--json", *(["--equal-lengths"] if equal else []), cwd=folder)
        self.files = [folder / file for file in json.loads(said)["files"]]
        for file in self.files:
            onnx.checker.check_model(str(file), full_check=True)
        self.sessions = [Session(str(file)) for file in self.files]
        self.session = self.sessions[0]
        self.about = self.session.about
        self.reads = json.loads(self.about.get("reads", "{}"))
        self.carries = bool(self.session.state(1))
        # How far, of how many comparisons; and what was wrong.
        self.worst, self.count, self.steps, self.continued, self.wrong = 0.0, 0, 0, None, []

    def see(self, found, wanted, what):
        distance = far(found, wanted)
        self.worst, self.count = max(self.worst, distance), self.count + 1
        if not distance <= MOST:
            self.wrong.append(f"{what}: {distance:.1e}")

    def inspect(self, *words):
        """The arrays of a pass, and their labels."""
        call(self.binary, "inspect", self.run, *words, "--out", "x.safetensors", "--force", cwd=self.folder)
        with safe_open(self.folder / "x.safetensors", "np") as file:
            labels = json.loads(file.metadata()["labels"])
            return {name: file.get_tensor(name) for name in file.keys()}, labels

    def all(self):
        task = self.about["task"]
        kind = {"text": "going_on", "music": "going_on", "events": "going_on", "chorales": "going_on", "forecast": "series", "trajectory": "series", "translate": "pairs", "caption": "pairs"}
        if task == "memory" and "time" in self.session.session.get_outputs()[0].shape:
            self.going_on()
        else:
            getattr(self, kind.get(task, "whole"))()

    # What is said after each step, with a state.

    def given(self, rows, past, new, counts=None, mask=None):
        """Steps `past .. past + new` of each row; `counts` of them count, and of those before `mask` says which did."""
        values = np.stack([row[past : past + new] for row in rows])
        counts = np.full(len(rows), new) if counts is None else np.asarray(counts)
        before = np.ones((len(rows), past)) if mask is None else mask
        fed = {"input_ids": values.astype(np.int64)} if values.ndim == 2 else {"frames": values.astype(np.float32)}
        fed["sequence_lens"] = counts.astype(np.int32)
        fed["attention_mask"] = np.concatenate([before, np.arange(new) < counts[:, None]], 1).astype(np.int64)
        return fed

    def going_on(self):
        rows, wanted = [], []
        for number in range(BATCH):
            if self.about["task"] == "music":
                source = ["--text", self.folder.joinpath("tunes.abc").read_text()[500 * number :][:320]]
            else:
                source = ["--index", str(number + 1)]
            arrays, _ = self.inspect(*source, *(["--show", "next"] if self.about["task"] in ("music", "events") else []))
            rows.append(arrays["tokens"] if "tokens" in arrays else arrays["frames"])
            wanted.append(arrays["logits"])
        # Pieces that are longer than the context lose their beginning; no inspection shows that.
        most = min(min(map(len, rows)), max(LENGTHS), int(self.about.get("context", max(LENGTHS))))
        rows, wanted = [row[:most] for row in rows], [row[:most] for row in wanted]
        self.steps = most
        for length in sorted({min(length, most) for length in LENGTHS}):
            for count in (1, BATCH):
                out = self.session(self.given(rows[:count], 0, length) | self.session.state(count))
                self.see(out["logits"], np.stack([row[:length] for row in wanted[:count]]), f"{count} x {length}")
        # In stretches, all rows alike.
        state, past = self.session.state(BATCH), 0
        while past < most:
            new = min(most - past, (1, 2, 17, 1, 64, 3)[past % 6])
            out = self.session(self.given(rows, past, new) | state)
            self.see(out["logits"], np.stack([row[past : past + new] for row in wanted]), f"behind {past}")
            state, past = Session.following(state, out), past + new
        if self.equal:
            return
        # Each row cut at a place of its own: what fills the rest of the first stretch must not count.
        cuts = [1 + (most - 2) * (number + 1) // (BATCH + 1) for number in range(BATCH)]
        first = max(cuts)
        out = self.session(self.given(rows, 0, first, cuts) | self.session.state(BATCH))
        for found, right, cut in zip(out["logits"], wanted, cuts):
            self.see(found[:cut], right[:cut], f"to {cut}")
        state = Session.following(self.session.state(BATCH), out)
        rest = [np.concatenate([row[cut:], np.repeat(row[-1:], cut, 0)]) for row, cut in zip(rows, cuts)]
        left = [most - cut for cut in cuts]
        mask = np.arange(first) < np.array(cuts)[:, None]
        fed = self.given(rest, 0, max(left), left)
        fed["attention_mask"] = np.concatenate([mask, fed["attention_mask"]], 1).astype(np.int64)
        out = self.session(fed | state)
        for found, right, count in zip(out["logits"], wanted, left):
            self.see(found[:count], right[len(right) - count :], f"from {most - count}")
        if self.about["task"] in ("music", "text"):
            self.likeliest()

    def likeliest(self):
        """What is written on is what `anaphora generate` writes, with the same probabilities."""
        prompt = self.folder.joinpath("tunes.abc").read_text()[:200]
        said = call(self.binary, "generate", self.run, "--prompt", prompt, "--temperature", "0", "--tokens", "100", "--logprobs", "1", "--retry", "0",
                    "--precision", "f32", "--json", "--out", "written", cwd=self.folder)  # fmt: skip
        wanted = json.loads(said)["logprobs"]
        symbols = {symbol: number for number, symbol in enumerate(json.loads(self.about["tokenizer"])["tokens"])}
        row = np.array([int(self.about["end_token"]), *(symbols[symbol] for symbol in prompt)])
        state, past, same = self.session.state(1), 0, 0
        for token in wanted:
            out = self.session(self.given([row], past, len(row) - past) | state)
            state, past = Session.following(state, out), len(row)
            logs = log_softmax(out["logits"][0, -1])
            self.see(logs[token["id"]], token["logprob"], f"written symbol {same + 1}")
            if int(logs.argmax()) != token["id"]:
                break
            same, row = same + 1, np.append(row, token["id"])
        self.continued = f"{same} of {len(wanted)}"
        if same < len(wanted):
            self.wrong.append(f"writes otherwise after {same} symbols")

    # What is said of a whole sequence, or of each of its steps.

    def whole(self):
        task, rows, wanted = self.about["task"], [], []
        output = self.session.outputs[0]
        for number in range(BATCH):
            source = ["--index", str(number + 1)]
            if self.files[0].name.startswith("sounds"):
                path = sorted(self.folder.joinpath("sounds").glob("*/*.wav"))[5 * number]
                source = ["--data", str(path)]
            elif self.files[0].name.startswith("pictures"):
                path = sorted(self.folder.joinpath("pictures").glob("*/*.png"))[5 * number]
                source = ["--data", str(path)]
            elif "input_ids" in self.session.inputs and task in ("classify", "regress"):
                text = {"names": "Astmarason", "motifs": "ACGTTGCA", "opinions": "a good film and not a bad one . ", "prices": "two red apples and one cake, "}
                own = next(text for name, text in text.items() if self.name.startswith(name))
                length = (1, 6, 299, 20, 50)[number]
                source = ["--text", (own * 300)[number : number + length]]
            arrays, labels = self.inspect(*source, "--show", "saliency")
            row = {}
            if "samples" in self.session.inputs:
                row["samples"] = read_wav(path)
            elif "picture" in self.session.inputs:
                row["picture"] = arrays["picture"]
            elif "frames" in arrays:
                row["frames"] = scaled_back(arrays["frames"], self.reads)
            else:
                row["input_ids"] = arrays["tokens"].astype(np.int64)
            if "characters" in self.session.inputs:
                known = {character: 1 + place for place, character in enumerate(self.reads["characters"])}
                row["words"] = [np.array([known.get(letter, 0) for letter in word]) for word in labels["steps"]]
            rows.append(row)
            wanted.append(arrays["said" if output == "numbers" else "logits"])
            self.steps = max(self.steps, max(map(len, row.values())) if "picture" not in row else 0)
        for row, right in zip(rows, wanted):
            self.see(self.session(self.fed([row]))[output][0], right, "alone")
            if self.carries:
                self.in_two(row, right, output)
        if self.equal:
            return
        out = self.session(self.fed(rows))[output]
        for found, right in zip(out, wanted):
            self.see(found[: len(right)] if found.ndim > 1 else found, right, f"{BATCH} together")

    def fed(self, rows):
        fed = self.session.state(len(rows))
        for name in ("samples", "frames", "input_ids"):
            if name in rows[0]:
                fed[name], counts = padded([row[name] for row in rows])
                fed["sample_lens" if name == "samples" else "sequence_lens"] = counts.astype(np.int64 if name == "samples" else np.int32)
        if "picture" in rows[0]:
            fed["picture"] = np.stack([row["picture"] for row in rows])
        if "words" in rows[0]:
            longest = max(len(word) for row in rows for word in row["words"])
            shape = fed["input_ids"].shape
            fed["characters"], fed["character_lens"] = np.zeros((*shape, longest), np.int64), np.zeros(shape, np.int32)
            for number, row in enumerate(rows):
                for place, word in enumerate(row["words"]):
                    fed["characters"][number, place, : len(word)] = word
                    fed["character_lens"][number, place] = len(word)
        return fed

    def in_two(self, row, right, output):
        """What is known at the end of the second of two stretches is what is known of all."""
        name = "frames" if "frames" in row else "input_ids"
        half = len(row[name]) // 2
        if half == 0:
            return
        state = self.session.state(1)
        for part in (row[name][:half], row[name][half:]):
            out = self.session({name: part[None], "sequence_lens": np.array([len(part)], np.int32)} | state)
            state = Session.following(state, out)
        self.see(out[output][0], right, "in two stretches")

    # Series.

    def series(self):
        rows = []
        waved = self.session.inputs["waves"].shape[2] if "waves" in self.session.inputs else 0
        patch, stride = self.reads["patch"]
        for number in range(BATCH):
            arrays, _ = self.inspect("--index", str(number + 1), "--show", "forecast")
            past = arrays["input"].astype(np.float32)
            waves = np.zeros((len(past), waved), np.float32)
            frames = arrays["frames"]
            first = len(past) - patch - (len(frames) - 1) * stride
            # The graph reads those of the last step of each frame.
            waves[first + patch - 1 :: stride][: len(frames)] = frames[:, frames.shape[1] - waved :]
            rows.append((past, waves, arrays["forecast"]))
        self.steps = len(past)
        for count in (1, BATCH):
            fed = {"past": np.stack([row[0] for row in rows[:count]]), "waves": np.stack([row[1] for row in rows[:count]])}
            self.see(self.session(fed)["forecast"], np.stack([row[2] for row in rows[:count]]), f"{count} windows")

    # Encoder and decoder.

    def pairs(self):
        encoder, decoder = self.sessions
        sources, targets, wanted = [], [], []
        for number in range(BATCH):
            arrays, _ = self.inspect("--index", str(number + 1), "--show", "next,input" if self.about["task"] == "caption" else "next")
            sources.append({"picture": arrays["picture"]} if "picture" in arrays else {"input_ids": arrays["encoder.tokens"].astype(np.int64)})
            targets.append(arrays["tokens"].astype(np.int64))
            wanted.append(arrays["logits"])
        self.steps = max(map(len, targets))
        one_by_one = decoder.inputs["input_ids"].shape[1] == 1
        for chosen in ([0], range(0 if self.equal else BATCH)):
            if not len(chosen):
                continue
            read = self.fed([sources[number] for number in chosen])
            memory = encoder(read) | {"encoder_lens": read.get("sequence_lens")}
            rows, lengths = padded([targets[number] for number in chosen])
            for stretches in ([1] * rows.shape[1], *([] if one_by_one else [[rows.shape[1]]])):
                state, past, found = decoder.state(len(rows)) | memory, 0, []
                for new in stretches:
                    fed = {"input_ids": rows[:, past : past + new], "decoder_attention_mask": np.ones((len(rows), past + new), np.int64)}
                    out = decoder(state | fed)
                    found.append(out["logits"])
                    state, past = Session.following(state, out), past + new
                found = np.concatenate(found, 1)
                for row, number, length in zip(found, chosen, lengths):
                    self.see(row[:length], wanted[number], f"{len(rows)} in {len(stretches)} stretches")
        count = sum(self.written(source) for source in sources)
        self.continued = f"{count} tokens"

    def written(self, source):
        """The likeliest translation or caption is that of `anaphora predict` without a search; returns how long it is."""
        encoder, decoder = self.sessions
        if "picture" in source:
            write_png(self.folder / "x.png", source["picture"])
            asked = ["x.png"]
        else:
            symbols = json.loads(self.about["source_tokenizer"])
            asked = ["--text", "".join(piece(symbols, number) for number in source["input_ids"][:-1]).strip()]
        said = json.loads(call(self.binary, "predict", self.run, *asked, "--beams", "1", "--json", cwd=self.folder))
        wanted = said.get("translation", said.get("caption"))
        state, end = decoder.state(1) | encoder(self.fed([source])), int(self.about["end_token"])
        if "input_ids" in source:
            state["encoder_lens"] = np.array([len(source["input_ids"])], np.int32)
        ids, last = [], end
        while len(ids) < 100:
            fed = {"input_ids": np.array([[last]]), "decoder_attention_mask": np.ones((1, len(ids) + 1), np.int64)}
            out = decoder(state | fed)
            state, last = Session.following(state, out), int(out["logits"][0, -1].argmax())
            if last == end:
                break
            ids.append(last)
        symbols = json.loads(self.about["tokenizer"])
        text = "".join(piece(symbols, number) for number in ids).strip()
        # The program breaks off what is too long.
        if text != wanted and not (len(ids) == 100 and text.startswith(wanted)):
            self.wrong.append(f"writes {text!r} and not {wanted!r}")
        return len(ids)


def piece(tokenizer, number):
    """A symbol of a tokenizer's file, as text."""
    if "tokens" in tokenizer:
        return tokenizer["tokens"][number]
    vocabulary = {number: token for token, number in tokenizer["model"]["vocab"].items()}
    return vocabulary[number].replace("\u0120", " ")


def elsewhere(runtime, path, given):
    """How far another runtime's outputs are from onnxruntime's, of what is in the file `given`."""
    values = dict(np.load(given))
    fed = {name[3:]: value for name, value in values.items() if name.startswith("in:")}
    wanted = {name[4:]: value for name, value in values.items() if name.startswith("out:")}
    if runtime == "OpenVINO":
        import openvino

        core = openvino.Core()
        # Else it would compute in bf16 where the processor does.
        model = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        out = model(fed)
        found = {name: out[model.output(name)] for name in wanted}
    else:
        import tract

        model = tract.onnx().load(path).into_model()
        names = [model.input_name(number) for number in range(model.input_count())]
        out = model.into_runnable().run([fed[name] for name in names])
        found = dict(zip(wanted, (value.to_numpy() for value in out)))
    return max(far(found[name], wanted[name]) for name in wanted)


def try_elsewhere(check):
    """Runs a model's files in other runtimes, each in a process of its own, for some end it; says what came of it."""
    for file, session in zip(check.files, check.sessions):
        given = check.folder / "given.npz"
        fed, out = session.last
        np.savez(given, **{f"in:{name}": value for name, value in fed.items()}, **{f"out:{name}": value for name, value in out.items()})
        said = []
        for runtime in ("OpenVINO", "tract"):
            call = [sys.executable, __file__, "--elsewhere", runtime, str(file), str(given)]
            done = subprocess.run(call, capture_output=True, text=True, env={**os.environ, "RUST_BACKTRACE": "0"})
            last = [line.strip() for line in done.stderr.splitlines() if line.strip()][-1:] or ["ended"]
            said.append(f"{runtime} {done.stdout.strip() if done.returncode == 0 else last[0][:110]}")
        print(f"    {file.name}: {'; '.join(said)}", flush=True)


def guide(binary, folder):
    """Runs the programs of the guide on a model of a text; both must write what `anaphora generate` writes."""
    page = (ROOT / "docs/onnx.md").read_text()
    programs = re.findall(r"^```(python|js)\n(.*?)^```", page, re.S | re.M)
    python, js = ([program for own, program in programs if own == language] for language in ("python", "js"))
    (folder / "novel.txt").write_text(call(binary, "sample", "text", cwd=folder))
    call(binary, "train", "novel.txt", "--layers", "2", *SMALL, "--steps", "300", "--out", "runs/guide", cwd=folder)
    call(binary, "export", "runs/guide", "--to", "onnx", "--out", "guide.onnx", "--force", cwd=folder)
    said = call(binary, "generate", "runs/guide", "--temperature", "0", "--tokens", "100", "--precision", "f32", "--json", cwd=folder)
    wanted, wrong = json.loads(said)["text"], []

    def see(what, done):
        # A line end is printed behind the text.
        same = done.returncode == 0 and done.stdout[:-1] == wanted
        print(f"{'ok   ' if same else 'WRONG'} the guide's {what} writes {done.stdout[:-1]!r}" + ("" if same else f" and not {wanted!r} {done.stderr[-300:]}"))
        wrong.extend([] if same else [what])

    (folder / "guide.py").write_text(python[0])
    see("Python", subprocess.run([sys.executable, "guide.py", "guide.onnx"], capture_output=True, text=True, cwd=folder))
    run = classifier(binary, folder)
    (folder / "classify.py").write_text(python[1])
    done = subprocess.run([sys.executable, "classify.py", "opinions.onnx", *ODD], capture_output=True, text=True, cwd=folder)
    wrong.extend(same_classes("Python", done, run))
    wrong.extend(batch_of_texts(python[1], folder, run))
    if not shutil.which("npm"):
        print("npm is not there; the guide's JavaScript is not run")
        return wrong
    if not (folder / "node_modules/onnxruntime-node").exists():
        (folder / "package.json").write_text("{}")
        # Its script would fetch what runs on graphics cards.
        done = subprocess.run(["npm", "install", "--silent", "--ignore-scripts", "onnxruntime-node"], capture_output=True, text=True, cwd=folder)
        if done.returncode:
            print(f"onnxruntime-node cannot be installed; the guide's JavaScript is not run: {done.stderr[-200:]}")
            return wrong
    (folder / "guide.mjs").write_text(js[0])
    about = Session(str(folder / "guide.onnx")).about
    tokenizer = json.dumps({**json.loads(about["tokenizer"]), "end": int(about["end_token"])})
    see("JavaScript", subprocess.run(["node", "guide.mjs", "guide.onnx", tokenizer], capture_output=True, text=True, cwd=folder))
    (folder / "classify.mjs").write_text(js[1])
    done = subprocess.run(["node", "classify.mjs", "opinions.onnx", "runs/classifier", *ODD], capture_output=True, text=True, cwd=folder)
    wrong.extend(same_classes("JavaScript", done, run))
    return wrong


# Texts that are cut in unusual places: apostrophes, scripts with marks, what is no letter, blanks of several kinds, nothing that is known.
ODD = (
    "Not a good film", "it's  GREAT, isn't it? 'quoted' rock'n'roll don''t", "na\u00efve caf\u00e9 \u2014 \u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3 \u0130stanbul stra\u00dfe",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u092e\u0947\u0902 \u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22 \u5929\u6c17\u304c\u3044\u3044\u3067\u3059 e\u0301t\u0301", "\u3000 10\u00bd \u2167 \u2462\u24b6 a\u00a0b\u0085c\td\ufeffe \u001cf \u200b", "\U0001f600\U0001f600 :-) \U0001d49c", "\u0416\u0416\u0416 qqq",
)  # fmt: skip


def classifier(binary, folder):
    """Trains and exports one of texts by their words; returns what the program says of odd ones."""
    table = call(binary, "sample", "opinions", "--count", "400", cwd=folder)
    label = table.splitlines()[1].split(",")[0]
    odd = "".join(f'{label},"{text} and more"\n' * 3 for text in ODD[:-1])
    (folder / "opinions.csv").write_text(table.rstrip("\n") + "\n" + odd)
    shutil.rmtree(folder / "runs/classifier", ignore_errors=True)
    call(binary, "train", "opinions.csv", "--task", "classify", *SMALL, "--steps", "30", "--out", "runs/classifier", cwd=folder)
    call(binary, "export", "runs/classifier", "--to", "onnx", "--out", "opinions.onnx", "--force", cwd=folder)
    asked = [word for text in ODD for word in ("--text", text)]
    said = call(binary, "predict", "runs/classifier", *asked, "--precision", "f32", "--json", cwd=folder)
    return [json.loads(line)["probabilities"] for line in said.strip().split("\n")]


def same_classes(what, done, wanted):
    """Whether a program of the guide says of odd texts what `anaphora predict` says."""
    found = [json.loads(line) for line in done.stdout.splitlines()] if done.returncode == 0 else []
    names = [list(row) for row in found] == [sorted(row) for row in wanted]
    distance = far([list(row.values()) for row in found], [[row[name] for name in sorted(row)] for row in wanted]) if names else np.inf
    same = distance <= MOST
    print(f"{'ok   ' if same else 'WRONG'} the guide's {what} classifies {len(found)} texts, {distance:.1e} from what predict says {done.stderr[-300:] if not same else ''}")
    return [] if same else [f"{what}, classes"]


def batch_of_texts(program, folder, wanted):
    """Texts of unequal length in one batch; what fills the rows must not count."""
    guide, before = {}, sys.argv
    sys.argv = ["", str(folder / "opinions.onnx")]
    exec(program.split("\nfor text in map(")[0], guide)
    sys.argv = before
    rows = [(list(guide["read"](text)), *guide["ngrams"](text)) for text in map(guide["lowered"], ODD)]
    ids, lengths = padded([np.array(row[0]) for row in rows])
    longest = max(len(row[1]) for row in rows)
    fill = [longest - len(row[1]) for row in rows]
    given = {
        "input_ids": ids, "sequence_lens": lengths,
        "ngrams": np.array([row[1] + [0] * more for row, more in zip(rows, fill)]),
        "ngram_weights": np.array([row[2] + [0.0] * more for row, more in zip(rows, fill)], np.float32),
    }  # fmt: skip
    logits = guide["model"].run(["logits"], given)[0]
    found = [np.exp(log_softmax(row)) for row in logits]
    distance = far(found, [[row[name] for name in sorted(row)] for row in wanted])
    print(f"{'ok   ' if distance <= MOST else 'WRONG'} {len(rows)} texts with n-grams in a batch, {distance:.1e} from what predict says")
    return [] if distance <= MOST else ["a batch of n-grams"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/anaphora")
    parser.add_argument("--only", default="", help="names of models or their beginnings, and guide, separated by commas")
    parser.add_argument("--keep", type=Path, help="a folder in which runs and files stay")
    parser.add_argument("--others", action="store_true", help="run the files by OpenVINO and tract, too")
    parser.add_argument("--equal-lengths", action="store_true", help="export without lengths, and compare one sequence alone only")
    parser.add_argument("--elsewhere", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.elsewhere:
        return print(f"{elsewhere(*args.elsewhere):.1e}")
    binary, only = args.binary.resolve(), [name for name in args.only.split(",") if name]
    chosen = {name: words for name, words in CASES.items() if not only or any(name.startswith(own) for own in only)}
    wrong = []
    print(f"onnx {onnx.__version__}, onnxruntime {onnxruntime.__version__}")
    print(f"{'model':<22}{'task':<12}{'backbone':<13}{'steps':>6}{'compared':>10}{'furthest':>10}  writes on")
    with tempfile.TemporaryDirectory() as made:
        folder = args.keep.resolve() if args.keep else Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tunes.abc").write_text(call(binary, "sample", "tunes", cwd=folder))
        write_sounds(folder / "sounds")
        write_pictures(folder / "pictures")
        write_hours(folder / "hours.csv", call(binary, "sample", "series", cwd=folder))
        for name, words in chosen.items():
            shutil.rmtree(folder / "runs" / name, ignore_errors=True)
            check = Check(binary, folder, name, words, args.equal_lengths)
            check.all()
            about = check.about
            print(f"{name:<22}{about['task']:<12}{about['backbone']:<13}{check.steps:>6}{check.count:>10}{check.worst:>10.1e}  {check.continued or ''}", flush=True)
            for what in check.wrong[:4]:
                print(f"    WRONG {what}")
            wrong.extend([name] if check.wrong else [])
            if args.others:
                try_elsewhere(check)
        if not only or "guide" in only:
            shutil.rmtree(folder / "runs/guide", ignore_errors=True)
            wrong.extend(guide(binary, folder))
    if wrong:
        sys.exit(f"{len(wrong)} did not hold: {', '.join(wrong)}")
    print(f"all within {MOST:.0e}, by the largest where that is above one")


if __name__ == "__main__":
    main()
