"""Target tokens a second of learning to turn lists of numbers round, beside JoeyNMT.

    python pairs.py --binary ../target/release/anaphora

JoeyNMT has to be installed beside torch (`pip install --no-deps joeynmt` and what it asks for; its `plateau` schedule no longer
runs with this torch).

The task and the model are those of JoeyNMT's tutorial: lists of 1 to 25 numbers from 0 to 50; embeddings of 16, a bidirectional
LSTM of 64, Luong's attention, batches of 12. The two programs alternate, both in f32 with two threads;
JoeyNMT feeds the attention's output back into its decoder, we do not. Its figure is the median of its reports, the first
left out; ours is what `anaphora train --json` reports. seq2seq.py sets the same kind of model beside plain PyTorch.
"""

import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rounds import HEADING, alternate, anaphora, arguments, line

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


def main():
    args = arguments(__doc__, seconds=20).parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_lists(folder)
        mine, theirs = alternate({
            "ours": lambda: anaphora(args.binary, ["--builtin", "reverse"], args.threads, args.seconds)[0],
            "JoeyNMT": lambda: joey(folder, args.seconds, args.threads),
        }, args.rounds)  # fmt: skip
    print(HEADING.format(peer="JoeyNMT"))
    print(line("reverse, LSTM 64, Luong's attention, batch 12", "target tokens", args.threads, mine, theirs))


if __name__ == "__main__":
    main()
