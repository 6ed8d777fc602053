"""Measure `anaphora bench` and PyTorch by turns on the same work and print the table of bench/README.md.

    python side_by_side.py --binary ../target/release/anaphora
    python side_by_side.py --only train --rounds 3     # PyTorch alone, the rows whose name contains "train"
    python side_by_side.py --only GPT --binary ../target/release/anaphora

Each round runs each program once on each row, as a process of its own, one soon after the other. A pair during which
other processes took more than --quiet of the machine is thrown away and run again: two threads that meet at a barrier
many times a step slow down tenfold when one of them loses its core. Figures are medians over the rounds; the ratio is
the median of the rounds' own ratios, with the least and the greatest.
"""

import argparse
import itertools
import json
import math
import os
import resource
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

PEER = Path(__file__).with_name("pytorch.py")
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


@dataclass
class Row:
    """One line of the table: `anaphora bench <flags>` against `pytorch.py <flags> <peer_flags>`."""

    name: str
    flags: str
    precision: str
    reach: float | None  # the ratio to reach
    peer_precision: str = ""  # where it differs
    peer_flags: str = ""

    def command(self, program, peer=False):
        precision = peer and self.peer_precision or self.precision
        extra = self.peer_flags.split() if peer else []
        return [*program, *self.flags.split(), "--precision", precision, *extra]

    def is_transformer(self):
        return "transformer" in self.flags.split()

    def ways(self):
        """The flags with which PyTorch may be the fastest at this row, where there is a choice."""
        if self.flags.startswith("generate"):
            choices = [["", "--compile"]] if self.is_transformer() else []
        else:
            choices = [["--bf16 autocast", "--bf16 parameters"]] if self.precision == "bf16" else []
            choices += [["", "--compile"]] if self.is_transformer() else []
        return [" ".join(filter(None, way)) for way in itertools.product(*choices)]

    def flops_per_token(self):
        """Six for each weight of a product in training: two forward, two for either gradient; two in generation.

        Attention's own products are counted in training, those of a causal mask: the half of all.
        """
        words = self.flags.split()
        flag = lambda name: int(words[words.index(name) + 1])
        directions = 2 if "--bidirectional" in words else 1
        hidden, layers, attention = flag("--hidden"), flag("--layers"), 0
        if self.is_transformer():
            weights = layers * 12 * hidden * hidden
            attention = 6 * layers * hidden * flag("--length") if words[0] == "train" else 0
        else:
            weights, width = 0, flag("--input" if words[0] == "layer" else "--embedding")
            for _ in range(layers):
                weights += directions * GATES[words[words.index("--backbone") + 1]] * hidden * (width + hidden)
                width = directions * hidden
        if "--vocab" in words:
            weights += hidden * flag("--vocab")
        return weights * (2 if words[0] == "generate" else 6) + attention


def both(name, flags, f32, bf16):
    return [Row(name, flags, "f32", f32), Row(name, flags, "bf16", bf16)]


LSTM_1024 = "--backbone lstm --layers 1 --embedding 256 --hidden 1024 --vocab 83"
GPT_128 = "train --backbone transformer --layers 4 --heads 4 --hidden 128 --vocab 65"
GPT_384 = "--backbone transformer --layers 6 --heads 6 --hidden 384 --vocab 65"
SAMPLE = f"generate {GPT_384} --prompt 16 --tokens 256"
LAYER = "--layers 1 --input 128 --hidden 256 --batch 64"
ROWS = [
    *both("train LSTM 1024, batch 32, length 100", f"train {LSTM_1024} --batch 32 --length 100", 1.25, 2.5),
    *both("train LSTM 1024, batch 8, length 100", f"train {LSTM_1024} --batch 8 --length 100", 1.5, 3),
    *both(
        "train LSTM 256, batch 64, length 64",
        "train --backbone lstm --layers 1 --embedding 128 --hidden 256 --vocab 65 --batch 64 --length 64", 1.6, 2.2,
    ),
    *both(
        "train LSTM 2 × 128, batch 50, length 50",
        "train --backbone lstm --layers 2 --embedding 128 --hidden 128 --vocab 65 --batch 50 --length 50", 1.5, 2.2,
    ),
    *both("layer GRU 256, batch 64, length 64", f"layer --backbone gru {LAYER} --length 64", 2, 5),
    *both("layer tanh RNN 256, batch 64, length 64", f"layer --backbone rnn {LAYER} --length 64", 1.8, 4),
    *both(
        "layer packed bidirectional LSTM 256, batch 64, lengths 5–40",
        f"layer --backbone lstm {LAYER} --lengths 5..40 --bidirectional", 3.5, 10,
    ),
    # What the tasks rest on, at the sizes of their pages in docs/.
    *both("adding: layer LSTM 64, batch 32, length 600", "layer --backbone lstm --layers 1 --input 2 --hidden 64 --batch 32 --length 600", 2, None),
    *both("chorales: layer packed LSTM 256, batch 16, lengths 40–130", "layer --backbone lstm --layers 1 --input 96 --hidden 256 --batch 16 --lengths 40..130", 4, None),
    *both(
        "translate: layer packed bidirectional LSTM 256, batch 128, lengths 5–30",
        "layer --backbone lstm --layers 1 --input 256 --hidden 256 --batch 128 --lengths 5..30 --bidirectional", 4, None,
    ),
    *both(
        "pictures: train GPT 3 × 96, batch 128, length 16",
        "train --backbone transformer --layers 3 --heads 3 --hidden 96 --vocab 65 --batch 128 --length 16", 2, None,
    ),
    Row("generate LSTM 1024, one stream; PyTorch nn.LSTM, f32", f"generate {LSTM_1024}", "bf16", 6, "f32", "--step layer"),
    Row("generate LSTM 1024, one stream; PyTorch nn.LSTMCell, f32", f"generate {LSTM_1024}", "bf16", 6, "f32"),
    Row("generate LSTM 1024, one stream; PyTorch nn.LSTMCell, bf16", f"generate {LSTM_1024}", "bf16", 6),
    *both("train GPT 4 × 128, batch 12, length 64", f"{GPT_128} --batch 12 --length 64", 1.6, 5),
    *both("train GPT 6 × 384, batch 16, length 256", f"train {GPT_384} --batch 16 --length 256", 1.25, 2.2),
    *both("train GPT 6 × 384, batch 1, length 4096", f"train {GPT_384} --batch 1 --length 4096", None, None),
    Row("generate GPT 6 × 384, one stream; PyTorch as nanoGPT samples, f32", SAMPLE, "f32", 30),
    Row("generate GPT 6 × 384, one stream; PyTorch with a cache, f32", SAMPLE, "f32", None, "", "--cache"),
    Row("generate GPT 6 × 384, one stream; PyTorch as nanoGPT samples, bf16", SAMPLE, "bf16", 30),
    Row("generate GPT 6 × 384, one stream; PyTorch with a cache, bf16", SAMPLE, "bf16", None, "", "--cache"),
]  # fmt: skip


def processor():
    """The processor's name, and those of its instruction sets that matter here."""
    info = dict(
        (part.strip() for part in line.split(":", 1))
        for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line
    )  # fmt: skip
    flags = set(info.get("flags", "").split())
    wanted = ["avx2", "fma", "avx512f", "avx512_bf16", "amx_bf16"]
    return info.get("model name", "unknown processor"), [flag for flag in wanted if flag in flags]


def busy_seconds():
    """Processor time that all processes together, and that our children, have used so far."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    return total, children.ru_utime + children.ru_stime


def run(command):
    """The objects that a benchmark prints, and the share of the machine that other processes took meanwhile."""
    start, (total, own) = monotonic(), busy_seconds()
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr.strip()}")
    after, own_after = busy_seconds()
    others = ((after - total) - (own_after - own)) / (monotonic() - start) / os.cpu_count()
    return [json.loads(line) for line in done.stdout.splitlines()], max(0.0, others)


def run_quietly(commands, quiet, tries=6):
    """Run the commands one after the other on a quiet machine: their first objects, and the others' share at its worst.

    When no try was quiet, the quietest one counts.
    """
    best = None
    for _ in range(tries):
        wait_for_quiet(quiet)
        outcomes = [run(command) for command in commands]
        others = max(share for _, share in outcomes)
        if best is None or others < best[1]:
            best = [objects[0] for objects, _ in outcomes], others
        if others <= quiet:
            break
    return best


def wait_for_quiet(quiet, patience=30):
    """Wait until other processes have left the machine alone for a second, or `patience` seconds."""
    end = monotonic() + patience
    while monotonic() < end:
        before, _ = busy_seconds()
        sleep(1)
        if (busy_seconds()[0] - before) / os.cpu_count() <= quiet:
            return


def fastest_way(row, peer, threads, quiet):
    """The flags of the fastest of PyTorch's ways to do a row's work, and the memory of the eager ones."""
    if row.ways() == [""]:
        return [], None
    trials = {}
    limit = [] if row.flags.startswith("generate") else ["--seconds", "1"]
    for way in row.ways():
        command = [*row.command(peer, peer=True), "--threads", threads, *limit, *way.split()]
        try:
            trials[way] = run_quietly([command], quiet, tries=2)[0][0]
        except RuntimeError as error:
            print(f"PyTorch without {way or 'eager mode'} on {row.name}: {error}", file=sys.stderr)
    best = max(trials, key=lambda way: trials[way]["tokens_per_second"], default="")
    eager = [trial["peak_rss_mb"] for trial in trials.values() if trial.get("compiled") is False]
    return best.split(), min(eager, default=None)


def figure(results):
    """Median tokens a second over the rounds, and the time of a step."""
    tokens = statistics.median(result["tokens_per_second"] for result in results)
    step = statistics.median(result["step_ms"]["median"] for result in results)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return f"{tokens:,.0f} ({step:,.{digits}f} ms)"


def table_line(row, threads, ours, peer, peak_gflops, eager_memory):
    memory = lambda results: f"{statistics.median(result['peak_rss_mb'] for result in results):.0f}"
    peer_memory = f"{eager_memory:.0f}" if eager_memory else memory(peer)
    mode = ", compiled" if peer[0].get("compiled") else ", eager" if row.is_transformer() else ""
    reach = f"{row.reach} ×" if row.reach else "–"
    precision = f"{row.precision} / {row.peer_precision}" if row.peer_precision else row.precision
    cells = [row.name, precision, threads, "–", figure(peer) + mode, "–", reach, "–", f"– / {peer_memory}"]
    if ours:
        pairs = [a["tokens_per_second"] / b["tokens_per_second"] for a, b in zip(ours, peer)]
        cells[3] = figure(ours)
        cells[5] = f"**{statistics.median(pairs):.2f} ×** ({min(pairs):.2f}–{max(pairs):.2f})"
        cells[8] = f"{memory(ours)} / {peer_memory}"
        speed = statistics.median(result["tokens_per_second"] for result in ours) * row.flops_per_token()
        if row.flags.startswith("generate"):  # a matrix by one vector: memory is the limit, two or four bytes a weight
            cells[7] = f"{speed * (2 if row.precision == 'f32' else 1) / 1e9:.0f} GB/s"
        elif row.precision in peak_gflops:
            cells[7] = f"{speed / 1e9 / peak_gflops[row.precision]:.0%}"
    return "| " + " | ".join(cells) + " |"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", help="the anaphora binary; without it PyTorch alone is measured")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", default="5", help="length of each run")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--quiet", type=float, default=0.1, help="share of the machine that others may take")
    parser.add_argument("--raw", type=Path, help="write every single result there, one JSON object a line")
    return parser.parse_args()


def main():
    args = arguments()
    name, sets = processor()
    rows = [row for row in ROWS if args.only in row.name]
    bf16 = not {"amx_bf16", "avx512_bf16"}.isdisjoint(sets)
    if not bf16:
        print("This processor has no products in bf16: those rows of training are left out.\n", file=sys.stderr)
        rows = [row for row in rows if row.precision == "f32" or row.flags.startswith("generate")]

    peer = [args.python, str(PEER)]
    ours = [args.binary, "bench"] if args.binary else None
    ways = {(row.name, row.precision): fastest_way(row, peer, args.threads, args.quiet) for row in rows}
    results = [([], []) for _ in rows]
    peaks, noise = {}, []
    raw = args.raw.open("w") if args.raw else None
    for turn in range(args.rounds):
        if ours:
            for precision in ["f32", "bf16"] if bf16 else ["f32"]:
                products = run([*ours, "product", "--precision", precision, "--threads", args.threads])[0]
                peaks.setdefault(precision, []).append(max(product["gflops"] for product in products))
        for row, (mine, theirs) in zip(rows, results):
            limit = [] if row.flags.startswith("generate") else ["--seconds", args.seconds]
            pair = [(theirs, row.command(peer, peer=True) + ways[row.name, row.precision][0])]
            if ours:
                pair.insert(turn % 2, (mine, row.command(ours)))  # first and second by turns
            commands = [[*command, "--threads", args.threads, *limit] for _, command in pair]
            outcome, others = run_quietly(commands, args.quiet)
            noise.append(others)
            for (side, _), result in zip(pair, outcome):
                side.append(result)
                if raw:
                    print(json.dumps({"row": row.name, "round": turn, "others": others} | result), file=raw, flush=True)
        print(f"round {turn + 1} of {args.rounds} done", file=sys.stderr)

    peak = {precision: statistics.median(gflops) for precision, gflops in peaks.items()}
    print(f"{name}, {os.cpu_count()} cores, {' '.join(sets)}; {results[0][1][0]['program']};", end=" ")
    print(f"{args.rounds} rounds of {args.seconds} s; other processes took", end=" ")
    print(f"{statistics.median(noise):.0%} of the machine (at most {max(noise):.0%}).", end=" ")
    print(*(f"Products reach {gflops:.0f} GF/s in {precision}." for precision, gflops in peak.items()), "\n")
    print("| work | precision | threads | Anaphora, tokens/s | PyTorch, tokens/s | ratio | reach | share of the limit | peak MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row, (mine, theirs) in zip(rows, results):
        print(table_line(row, args.threads, mine, theirs, peak, ways[row.name, row.precision][1]))


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
