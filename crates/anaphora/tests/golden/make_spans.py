"""Writes spans.json: the spans that seqeval finds in tagged sentences, and its scores.

    pip install seqeval==1.2.2
    python make_spans.py
"""

import json
import random
import warnings
from pathlib import Path

from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support

warnings.filterwarnings("ignore")
SOURCE = random.Random(17)


def case(name, truth, predicted):
    kinds = sorted({kind for tags in truth + predicted for kind, _, _ in get_entities(tags)})
    each = precision_recall_fscore_support(truth, predicted, average=None, zero_division=0) if kinds else [[]] * 4
    precision, recall, f1, support = (list(map(float, column)) for column in each)
    return {
        "name": name,
        "truth": truth,
        "predicted": predicted,
        "spans": [get_entities(tags) for tags in truth],
        "kinds": kinds,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "support": list(map(int, support)),
        "all": [score(truth, predicted, zero_division=0) for score in (precision_score, recall_score, f1_score)],
    }


def draw(tags, sentences, longest):
    return [SOURCE.choices(tags, k=SOURCE.randrange(1, longest)) for _ in range(sentences)]


def noisy(truth, tags):
    return [[SOURCE.choice(tags) if SOURCE.random() < 0.2 else tag for tag in sentence] for sentence in truth]


def cases():
    yield case("right", [["B-PER", "I-PER", "O"]], [["B-PER", "I-PER", "O"]])
    yield case("an end is wrong", [["B-PER", "I-PER", "O"]], [["B-PER", "O", "O"]])
    yield case("the kind is wrong", [["B-PER", "I-PER", "O"]], [["B-LOC", "I-LOC", "O"]])
    yield case("neighbours", [["B-PER", "B-PER", "I-PER", "I-LOC"]], [["B-PER", "I-PER", "I-PER", "B-LOC"]])
    yield case("IOB1: no beginning", [["I-PER", "I-PER", "O", "I-LOC"]], [["I-PER", "B-PER", "O", "B-LOC"]])
    yield case("a span does not cross a sentence", [["O", "B-PER"], ["I-PER", "O"]], [["O", "B-PER"], ["O", "O"]])
    yield case("nothing there", [["O", "O"]], [["O", "B-PER"]])
    yield case("nothing found", [["O", "B-PER"]], [["O", "O"]])
    yield case("nothing at all", [["O", "O"], ["O"]], [["O", "O"], ["O"]])
    yield case("kinds with a hyphen, and none", [["B-a-b", "I-a-b", "B", "I"]], [["B-a-b", "I-a-c", "B", "I"]])
    iob = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    for number in range(4):
        truth = draw(iob, 12, 9)
        yield case(f"IOB {number}", truth, noisy(truth, iob))
    iobes = ["O"] + [f"{letter}-{kind}" for letter in "BIES" for kind in ("NP", "VP")]
    for number in range(4):
        truth = draw(iobes, 12, 9)
        yield case(f"IOBES {number}", truth, noisy(truth, iobes))


lines = ",\n".join(json.dumps(case) for case in cases())
(Path(__file__).parent / "spans.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
