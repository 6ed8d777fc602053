"""How well short texts are classified by `anaphora train TABLE --task classify`, beside tf-idf and logistic regression.

    python linear_text.py --data ../../shared/data --binary ../target/release/anaphora              # every set, three seeds
    python linear_text.py --data ../../shared/data --only tweets --seeds 1 -- --layers 2
    python linear_text.py --data ../../shared/data --only surnames --tolerance 1e-3 --peers "words, characters"

Both learn from the same examples, choose by the same ones and are scored on the same others, which are written to files.
scikit-learn's features are words and pairs of them, characters inside words, and both together, its strengths 1, 3, 10 and
30; what the validation examples choose by their accuracy is reported, and, to be hard on us, what does best on the test.
Anaphora has its defaults, but for the threads and what stands behind `--`; its medians, with the least and the greatest,
are over the seeds. Its linear map has no seed; its seconds are those of a training of one step, the reading of all data among
them.
"""

import argparse
import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from scipy.sparse import hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

STRENGTHS = [1, 3, 10, 30]


def words():
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def words_and_marks():
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+(?:['’]\w+)*|[^\w\s]")


def characters():
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True)


FEATURES = {
    "words": [words],
    "characters": [characters],
    "words, characters": [words, characters],
    "words and marks, characters": [words_and_marks, characters],
}


def reviews(data):
    """SST-2 with the parts that it comes in."""
    lines = lambda part: (data / f"sentiment/sst2.{part}.txt").read_text().splitlines()
    return [[(line[0], line[2:]) for line in lines(part)] for part in ("train", "dev", "test")]


def tweets(data):
    """The sign of each tweet's mean score, without the zeros."""
    rows = [line.split("\t") for line in (data / "sentiment/vader_tweets.txt").read_text().splitlines()]
    signed = [(float(score), text) for _, score, text in rows if float(score) != 0]
    return parted([("positive" if score > 0 else "negative", text) for score, text in signed])


def names(data):
    paths = sorted((data / "names").glob("*.txt"))
    return parted([(path.stem, line.strip()) for path in paths for line in path.read_text().splitlines() if line.strip()])


def parted(examples):
    """Every tenth example for the test, a tenth of the others, drawn once, to validate on."""
    test = examples[9::10]
    rest = [example for index, example in enumerate(examples) if index % 10 != 9]
    random.Random(1).shuffle(rest)
    held_out = -(-len(rest) // 10)
    return [rest[held_out:], rest[:held_out], test]


SETS = {"SST-2": reviews, "tweets": tweets, "surnames": names}


def peers(parts, tolerance, only):
    """Each setting of scikit-learn's with its accuracy on the validation examples, accuracy and macro-F1 on the test."""
    (train, _, _), truths = parts, [[label for label, _ in part] for part in parts]
    texts = [[text for _, text in part] for part in parts]
    for name, makers in FEATURES.items():
        if only and name != only:
            continue
        fitted = [maker().fit(texts[0]) for maker in makers]
        rows = [hstack([vectorizer.transform(part) for vectorizer in fitted]).tocsr() for part in texts]
        for strength in STRENGTHS:
            began = perf_counter()
            model = LogisticRegression(C=strength, max_iter=1000, tol=tolerance).fit(rows[0], truths[0])
            chosen, found = model.score(rows[1], truths[1]), model.predict(rows[2])
            accuracy = sum(a == b for a, b in zip(found, truths[2], strict=True)) / len(found)
            f1 = f1_score(truths[2], found, average="macro")
            yield f"{name}, C = {strength}", chosen, accuracy, f1, perf_counter() - began


def ours(args, files, seed, folder, *more):
    """What `anaphora evaluate` says of a training on the test, and its seconds."""
    began = perf_counter()
    call = ["train", files[0], "--task", "classify", "--valid", files[1], "--seed", seed, "--out", folder]
    run(args, [*call, "--threads", args.threads, *args.rest, *more])
    seconds = perf_counter() - began
    return json.loads(run(args, ["evaluate", folder, "--data", files[2], "--json"])), seconds


def run(args, call):
    done = subprocess.run([str(word) for word in [args.binary, *call]], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])
    return done.stdout


def write(part, path):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("label", "text"), *part])
    return path


def spread(values):
    ends = f" ({min(values):.4f}–{max(values):.4f})" if len(values) > 1 else ""
    return f"{statistics.median(values):.4f}{ends}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    parser.add_argument("--binary", default="target/release/anaphora")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="sets with this in their name")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="where scikit-learn ends its search")
    parser.add_argument("--peers", default="", help="the only features of scikit-learn's")
    parser.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True, help="scikit-learn beside it")
    words, rest = sys.argv[1:], []
    if "--" in words:
        words, rest = words[: words.index("--")], words[words.index("--") + 1 :]
    args = parser.parse_args(words)
    args.rest = rest
    print("| set | program | accuracy | macro-F1 | seconds |\n|---|---|---|---|---|", flush=True)
    for name in [name for name in SETS if args.only in name]:
        parts = SETS[name](args.data)
        if args.peer:
            all_peers = list(peers(parts, args.tolerance, args.peers))
            for what, by in [("chosen on validation", 1), ("best on the test", 2)]:
                setting, _, accuracy, f1, seconds = max(all_peers, key=lambda peer: peer[by])
                print(f"| {name} | scikit-learn, {what}: {setting} | {accuracy:.4f} | {f1:.4f} | {seconds:.0f} |", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            files = [write(part, folder / f"{place}.csv") for place, part in zip(("train", "valid", "test"), parts, strict=True)]
            first, fitting = ours(args, files, 1, folder / "first", "--steps", 1)
            found = [ours(args, files, seed, folder / f"run-{seed}") for seed in range(1, args.seeds + 1)]
        reports, training = [report for report, _ in found], statistics.median(seconds for _, seconds in found)
        for line, of, seconds in [
            ("its linear map", [first["contenders"]["linear_map"]], fitting),
            (f"Anaphora, {args.seeds} seeds", reports, training),
        ]:
            accuracy, f1 = [[report[score] for report in of] for score in ("accuracy", "macro_f1")]
            print(f"| {name} | {line} | {spread(accuracy)} | {spread(f1)} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
