"""Target tokens a second of learning to turn lists of numbers round, beside JoeyNMT.

    python pairs.py ANAPHORA [--rounds 3] [--seconds 20]

JoeyNMT has to be installed beside torch (`pip install --no-deps joeynmt` and what it asks for; its `plateau` schedule no longer
runs with this torch).

The task and the model are those of JoeyNMT's tutorial: lists of 1 to 25 numbers from 0 to 50; embeddings of 16, a bidirectional
LSTM of 64, Luong's attention, batches of 12. The two programs alternate, both in f32 with two threads;
JoeyNMT feeds the attention's output back into its decoder, we do not. A round's figure is the median of its reports, the first
left out; the line that is printed has the median of the rounds.
"""

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

JOEY = """
name: reverse
joeynmt_version: 2.3.0
model_dir: {folder}/joey
use_cuda: False
fp16: False
random_seed: 1
data:
    train: {folder}/train
    dev: {folder}/dev
    dataset_type: plain
    src: {{lang: src, level: word, lowercase: False, max_length: 30, voc_min_freq: 0, voc_limit: 100}}
    trg: {{lang: trg, level: word, lowercase: False, max_length: 30, voc_min_freq: 0, voc_limit: 100}}
testing: {{n_best: 1, beam_size: 1, eval_metrics: [bleu], max_output_length: 30, batch_size: 100, batch_type: sentence}}
training:
    optimizer: adamw
    scheduling: exponential
    decrease_factor: 0.99
    early_stopping_metric: loss
    learning_rate: 0.001
    learning_rate_min: 0.0001
    batch_size: 12
    batch_type: sentence
    epochs: 100
    validation_freq: 1000000
    logging_freq: 25
    overwrite: True
    shuffle: True
    max_output_length: 30
model:
    encoder: {{type: recurrent, rnn_type: lstm, embeddings: {{embedding_dim: 16}}, hidden_size: 64, bidirectional: True, dropout: 0.1, num_layers: 1}}
    decoder: {{type: recurrent, rnn_type: lstm, embeddings: {{embedding_dim: 16}}, hidden_size: 64, dropout: 0.1, hidden_dropout: 0.1, num_layers: 1, input_feeding: True, init_hidden: bridge, attention: luong}}
"""


def write_lists(folder):
    """Fifty thousand lists and the same turned round, as JoeyNMT's script draws them."""
    draw = random.Random(1)
    for name, count in (("train", 50_000), ("dev", 100)):
        with open(folder / f"{name}.src", "w") as source, open(folder / f"{name}.trg", "w") as target:
            for _ in range(count):
                numbers = [str(draw.randrange(51)) for _ in range(draw.randint(1, 25))]
                source.write(" ".join(numbers) + "\n")
                target.write(" ".join(reversed(numbers)) + "\n")


def joey(folder, seconds, threads):
    """Target tokens a second as JoeyNMT reports them."""
    config = folder / "joey.yaml"
    config.write_text(JOEY.format(folder=folder))
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    call = [sys.executable, "-m", "joeynmt", "train", str(config)]
    process = subprocess.Popen(call, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    rates, end = [], None
    for line in process.stdout:
        found = re.search(r"Tokens per Sec:\s*(\d+)", line)
        if found:
            end = end or time.monotonic() + seconds
            rates.append(int(found[1]))
        if end and time.monotonic() > end:
            process.kill()
            break
    process.wait()
    return statistics.median(rates[1:])


def ours(binary, folder, seconds, threads, more):
    """Target tokens a second as Anaphora reports them; validations are left out on both sides."""
    call = [binary, "train", "--out", str(folder / f"run-{time.monotonic_ns()}"), "--json", "--precision=f32"]
    call += [f"--threads={threads}", f"--minutes={seconds / 60}", "--set=training.validate_every=1000000", *more]
    lines = subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()
    steps = [event for event in map(json.loads, lines) if event["event"] == "step"]
    return statistics.median(step["tokens_per_second"] for step in steps[1:])


def reverse(args, folder):
    write_lists(folder)
    return {
        "ours": lambda: ours(args.anaphora, folder, args.seconds, args.threads, ["--builtin=reverse"]),
        "JoeyNMT": lambda: joey(folder, args.seconds, args.threads),
    }


def alternate(run, rounds):
    rates = {name: [] for name in run}
    for number in range(rounds):
        for name in list(run)[:: 1 if number % 2 == 0 else -1]:
            rates[name].append(run[name]())
    return rates


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("anaphora")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        rates = alternate(reverse(args, Path(name)), args.rounds)
    mine, peer = rates["ours"], rates["JoeyNMT"]
    ratios = [a / b for a, b in zip(mine, peer)]
    print(json.dumps({
        "work": "reverse",
        "threads": args.threads,
        "precision": "f32",
        "ours": statistics.median(mine),
        "peer": statistics.median(peer),
        "ratio": statistics.median(ratios),
        "ratios": [round(ratio, 2) for ratio in ratios],
    }))


if __name__ == "__main__":
    main()
