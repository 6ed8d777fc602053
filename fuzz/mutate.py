"""Runs the program on mutated files and random calls, and looks for panics, hangs and hunger.

    python3 fuzz/mutate.py --binary target/release/anaphora --runs 100000 --seed 1

Samples of every kind of data and small trained runs are made first. Each run then takes a call of the table below, mutates one file that
the call reads (bytes changed, cut, doubled, put in, spliced with another file) or draws valid flags by their names and ranges, and starts
the program with at most 2 GiB of memory and ten seconds of a processor. It must end with 0, 1 or 2 and say no more than a person can use: no
panic. What is found lies in --out: the folder of the run and its call.
"""

import argparse
import concurrent.futures
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

MEMORY = 2 << 30
SECONDS = 10
# Of a processor that others may use: by the clock it is given longer.
PATIENCE = 120
SMALL = "--hidden 8 --steps 2 --threads 1 --batch 4 --validate-every 2"
# What is made once: a command line, with its standard output as a file where one is named.
SAMPLES = {
    "tunes.abc": "sample tunes --count 8",
    "text.txt": "sample text --count 60",
    "names.csv": "sample classes --count 80",
    "lists.csv": "sample numbers --count 80",
    "waves.csv": "sample rows --count 40",
    "tags.conll": "sample tags --count 40",
    "pairs.tsv": "sample pairs --count 80",
    "hours.csv": "sample series --count 200",
    "throws.csv": "sample paths --count 12",
}
TRAININGS = {
    "tunes": ["train tunes.abc", "tunes.abc"],
    "text": ["train text.txt --backbone transformer --layers 1 --tokenizer bpe:300", "text.txt"],
    "names": ["train names.csv --task classify", "names.csv"],
    "lists": ["train lists.csv --task regress", "lists.csv"],
    "waves": ["train waves.csv --task classify --input numbers", "waves.csv"],
    "tags": ["train tags.conll --task tag", "tags.conll"],
    "pairs": ["train pairs.tsv --task translate", "pairs.tsv"],
    "hours": ["train hours.csv --task forecast --horizon 4 --lookback 8", "hours.csv"],
    "throws": ["train throws.csv --task trajectory --horizon 10", "throws.csv"],
    "chorales": ["train --builtin chorales", None],
    "played": ["train midi --task events", "midi/tune.mid"],
}
# Models that PyTorch made, to be imported: folders of the tests.
FOREIGN = ("gpt2", "pytorch/llama", "pytorch/lstm")
TESTS = Path(__file__).resolve().parent.parent / "crates/anaphora/tests"
# How long a training lasts is its user's wish: a long one does not hang.
BUDGET = ("steps", "epochs", "minutes")
USES = {
    "tunes": "generate {run} --tokens 12 --retry 0",
    "text": "generate {run} --tokens 6 --retry 0",
    "chorales": "generate {run} --tokens 3",
    "played": "generate {run} --tokens 12",
}


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def call(binary, words, folder, limited=True):
    try:
        done = subprocess.run(
            [binary, *words], cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE,
            preexec_fn=limit if limited else None, env={**os.environ, "RUST_BACKTRACE": "0"},
        )
        # The soft limit of the processor's time is the hard one too.
        code = "hang" if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL) else done.returncode
        return code, done.stdout, done.stderr
    except subprocess.TimeoutExpired as expired:
        return "hang", expired.stdout or b"", expired.stderr or b""


def make(binary, folder):
    """The samples and the runs."""
    for name, words in SAMPLES.items():
        code, out, err = call(binary, words.split(), folder, limited=False)
        assert code == 0, err
        (folder / name).write_bytes(out)
    for kind in ("midi", "wav"):
        code, _, err = call(binary, f"convert tunes.abc --to {kind} --out {kind}".split(), folder, limited=False)
        assert code == 0, err
    tune = sorted((folder / "midi").iterdir())[0]
    tune.rename(folder / "midi" / "tune.mid")
    for run, (words, _) in TRAININGS.items():
        extra = SMALL if run != "chorales" else SMALL + " --layers 1 --heads 2"
        code, _, err = call(binary, f"{words} {extra} --out runs/{run}".split(), folder, limited=False)
        assert code == 0, (run, err)


def mutate(random, content, others):
    """The content with some mutations."""
    content = bytearray(content)
    for _ in range(random.choice([1, 1, 1, 2, 4, 16])):
        at = random.randrange(len(content) + 1)
        end = min(len(content), at + random.choice([1, 1, 2, 8, 64, 1024]))
        kind = random.randrange(9)
        if kind == 0 and content:
            content[min(at, len(content) - 1)] = random.randrange(256)
        elif kind == 1 and content:
            content[min(at, len(content) - 1)] ^= 1 << random.randrange(8)
        elif kind == 2:
            del content[at:end]
        elif kind == 3:
            content[at:at] = content[at:end] * random.choice([1, 1, 2, 50])
        elif kind == 4:
            content[at:at] = random.randbytes(random.choice([1, 4, 32]))
        elif kind == 5:
            del content[at:]
        elif kind == 6:
            other = random.choice(others)
            start = random.randrange(len(other) + 1)
            content[at:at] = other[start : start + random.choice([4, 64, 2048])]
        elif kind == 7:
            # Numbers at their limits, as text and as bytes.
            word = random.choice(["0", "-1", "1e308", "nan", "inf", "99999999999999999999", "\n", ",", ";", '"', "\t", "\r", "[", "{", "}"])
            content[at:end] = word.encode()
        else:
            content[at:end] = random.choice([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xef\xbb\xbf"])
    return bytes(content[: 1 << 20])


def recipes(binary, folder):
    """The recipe of each run, as an object."""
    read = lambda run: call(binary, ["recipe", "--recipe", f"runs/{run}/recipe.toml", "--json"], folder, limited=False)[1]
    return {run: json.loads(read(run)) for run in TRAININGS}


def flags(random, recipes):
    """A training with random fields of its recipe, each of a value that it takes."""
    run = random.choice(list(TRAININGS))
    recipe = recipes[run]
    words = TRAININGS[run][0].split()
    for _ in range(random.choice([1, 2, 4])):
        section = random.choice([name for name in ("data", "series", "model", "training") if recipe.get(name)])
        field, value = random.choice(sorted(recipe[section].items()))
        if field in BUDGET:
            continue
        if isinstance(value, bool):
            new = random.choice(["true", "false"])
        elif isinstance(value, int):
            new = str(random.choice([0, 1, 2, 3, 7, 64, 65_536, -1, value + 1, 1 << 40]))
        elif isinstance(value, float):
            new = str(random.choice([0.0, 1e-30, 0.5, 0.999, 1.0, 1e30, -1.0, value]))
        elif isinstance(value, str):
            new = random.choice(["auto", "none", "character", "byte", "word", "bpe:300", "gru", "rnn", "transformer", "window", "", value])
        else:
            continue
        words += ["--set", f"{section}.{field}={new}"]
    return words + "--steps 1 --threads 1 --out out".split()


def one(number, args, base, contents, known):
    """One run: what is wrong, if anything."""
    draw = random.Random(f"{args.seed}-{number}")
    with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
        folder = Path(folder) / "work"
        others = list(contents.values())
        kind = draw.random()
        if kind < 0.2:
            shutil.copytree(base, folder, symlinks=True)
            words = flags(draw, known)
        elif kind < 0.55:
            # A file of data, to learn from, to evaluate or to predict from.
            run = draw.choice([run for run, (_, data) in TRAININGS.items() if data])
            data = TRAININGS[run][1]
            shutil.copytree(base, folder)
            (folder / data).write_bytes(mutate(draw, contents[data], others))
            what = draw.randrange(4)
            if what == 0 or run in USES:
                words = f"{TRAININGS[run][0]} {SMALL} --out out".split()
                words += ["--skip-bad"] if draw.random() < 0.3 else []
            elif what == 1:
                words = ["evaluate", f"runs/{run}", "--data", data]
            else:
                words = ["predict", f"runs/{run}", data, "--json"]
            if data.endswith((".abc", ".mid")) and draw.random() < 0.5:
                words = ["convert", data, "--to", draw.choice(["midi", "abc", "wav"]), "--out", "out"]
        elif kind < 0.63:
            # A file of another program's model.
            shutil.copytree(TESTS / draw.choice(FOREIGN), folder / "model")
            files = sorted(path for path in (folder / "model").iterdir() if "expected" not in path.name)
            path = draw.choice(files)
            path.write_bytes(mutate(draw, path.read_bytes(), others))
            words = "import model --out out".split()
        else:
            # A file of a run folder.
            run = draw.choice(list(TRAININGS))
            shutil.copytree(base, folder)
            files = sorted(path for path in (folder / "runs" / run).rglob("*") if path.is_file() and path.stat().st_size)
            path = draw.choice(files)
            path.write_bytes(mutate(draw, path.read_bytes(), others))
            use = USES.get(run, "evaluate {run}").format(run=f"runs/{run}")
            words = draw.choice([use, use, f"resume runs/{run}", f"resume runs/{run} --steps 1", "runs", f"evaluate runs/{run}"]).split()
        code, out, err = call(args.binary, words, folder)
        # A training that has begun may take as long as its recipe says.
        if code == "hang" and b"Ctrl-C saves" in err:
            return None
        bad = code not in (0, 1, 2) or b"panicked" in err or b"memory allocation" in err
        if bad:
            kept = args.out / f"{number}"
            shutil.copytree(folder, kept, dirs_exist_ok=True)
            (kept / "CALL").write_text(f"{' '.join(words)}\n{code}\n{err.decode(errors='replace')[-2000:]}\n")
            return f"{number}: {code}: {' '.join(words)}: {err.decode(errors='replace').strip()[-200:]}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=lambda path: Path(path).resolve(), required=True)
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first run: a run is the same for the same seed and number")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path("fuzz/target/mutated"))
    parser.add_argument("--scratch", type=Path, default=Path("/dev/shm") if Path("/dev/shm").is_dir() else None)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with tempfile.TemporaryDirectory(dir=args.scratch) as base:
        base = Path(base)
        make(args.binary, base)
        shutil.rmtree(base / "wav")
        contents = {data: (base / data).read_bytes() for _, data in TRAININGS.values() if data}
        known = recipes(args.binary, base)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            numbers = range(args.first, args.first + args.runs)
            for done, found in enumerate(pool.map(lambda number: one(number, args, base, contents, known), numbers), 1):
                if found:
                    wrong += 1
                    print(found, flush=True)
                if done % 1_000 == 0:
                    print(f"{done} runs, {wrong} wrong", file=sys.stderr, flush=True)
    print(f"{args.runs} runs, {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
