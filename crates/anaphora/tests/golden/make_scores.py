"""Writes classification.json, translation.json and forecast.json: what scikit-learn and sacreBLEU compute.

    pip install sacrebleu==2.6.0 scikit-learn==1.9.1
    python make_scores.py

The part of translation.json that speaks of real files (which are not in the tree) is kept as it is where they are missing.
"""

import json
import math
import os
import random
import zlib
from pathlib import Path

import numpy as np
from sacrebleu.metrics import BLEU, CHRF
from sklearn import metrics as sk

HERE = Path(__file__).parent
DATA = Path(os.environ.get("ANAPHORA_DATA", HERE.parents[4] / "shared/data"))
RNG = np.random.default_rng(7)


def write(name, golden):
    """One case a line, so that a change shows."""
    parts = []
    for key, cases in golden.items():
        lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
        parts.append(f"{json.dumps(key)}: [\n{lines}\n]")
    (HERE / name).write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


# Classes


def class_case(name, truth, predicted, classes):
    labels = list(range(classes))
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0
    )
    return {
        "name": name,
        "truth": truth,
        "predicted": predicted,
        "classes": classes,
        "accuracy": sk.accuracy_score(truth, predicted),
        "confusion": sk.confusion_matrix(truth, predicted, labels=labels).tolist(),
        "precision": precision.tolist(),
        "recall": recall.tolist(),
        "f1": f1.tolist(),
        "support": support.astype(int).tolist(),
        "macro_f1": sk.f1_score(truth, predicted, average="macro", zero_division=0),
    }


def draw(classes, size):
    return RNG.integers(0, classes, size).tolist()


def class_cases():
    yield class_case("five classes", draw(5, 60), draw(5, 60), 5)
    yield class_case("two classes", draw(2, 17), draw(2, 17), 2)
    yield class_case("class 2 absent from the truth", draw(2, 20), draw(3, 20), 3)
    yield class_case("class 0 never predicted", draw(3, 20), [1 + c for c in draw(2, 20)], 3)
    yield class_case("class 1 absent from both", [0, 2, 2, 0, 2], [2, 2, 0, 0, 2], 3)
    yield class_case("all right", [0, 1, 2, 1], [0, 1, 2, 1], 3)
    yield class_case("all wrong", [0, 1, 2, 1], [1, 2, 0, 0], 3)
    yield class_case("one example", [1], [1], 2)


def auroc_cases():
    def case(name, truth, scores):
        found = sk.roc_auc_score(truth, scores)
        return {"name": name, "truth": [bool(t) for t in truth], "scores": list(scores), "auroc": found}

    truth = draw(2, 50)
    scores = RNG.normal(size=50)
    yield case("no ties", truth, scores.tolist())
    yield case("ties", truth, np.round(scores).tolist())
    yield case("all tied", truth, [0.5] * 50)
    yield case("both zeros tie", [0, 1, 1, 0], [0.0, -0.0, 0.0, -0.0])
    yield case("perfect", [0, 0, 1, 1], [-1.0, 0.1, 0.2, 5.0])
    yield case("inverted", [1, 1, 0, 0], [-1.0, 0.1, 0.2, 5.0])
    yield case("one positive", [0, 0, 0, 1, 0], [0.1, 0.4, 0.4, 0.4, 0.9])


def one_vs_rest_cases():
    for name, classes, present, decimals in [
        ("four classes", 4, 4, 16),
        ("ties", 3, 3, 1),
        ("class 3 absent", 4, 3, 16),
        ("only class 0", 2, 1, 16),
    ]:
        truth = np.array(list(range(present)) + draw(present, 40))
        scores = np.round(RNG.dirichlet([1.0] * classes, len(truth)), decimals)
        each = [
            sk.roc_auc_score(truth == c, scores[:, c]) if 0 < np.sum(truth == c) < len(truth) else None
            for c in range(classes)
        ]
        known = [score for score in each if score is not None]
        mean = float(np.mean(known)) if known else None
        if present == classes and decimals == 16:
            assert math.isclose(mean, sk.roc_auc_score(truth, scores, multi_class="ovr", average="macro"))
        yield {
            "name": name,
            "truth": truth.tolist(),
            "scores": scores.ravel().tolist(),
            "classes": classes,
            "each": each,
            "macro": mean,
        }


def log_loss_cases():
    def case(name, truth, probabilities):
        classes = probabilities.shape[1]
        single = probabilities.astype(np.float32)
        return {
            "name": name,
            "truth": truth,
            "probabilities": probabilities.ravel().tolist(),
            "classes": classes,
            "f64": sk.log_loss(truth, probabilities, labels=range(classes)),
            "f32": sk.log_loss(truth, single, labels=range(classes)),
        }

    yield case("four classes", draw(4, 30), RNG.dirichlet([1.0] * 4, 30))
    yield case("one class absent", draw(2, 10), RNG.dirichlet([0.5] * 3, 10))
    yield case("certain", [0, 1, 1], np.eye(2)[[0, 1, 0]])


def multi_label_cases():
    def case(name, truth, predicted):
        precision, recall, f1, support = sk.precision_recall_fscore_support(truth, predicted, zero_division=0)
        return {
            "name": name,
            "truth": truth.astype(bool).ravel().tolist(),
            "predicted": predicted.astype(bool).ravel().tolist(),
            "labels": truth.shape[1],
            "subset_accuracy": sk.accuracy_score(truth, predicted),
            "micro_f1": sk.f1_score(truth, predicted, average="micro", zero_division=0),
            "macro_f1": sk.f1_score(truth, predicted, average="macro", zero_division=0),
            "precision": precision.tolist(),
            "recall": recall.tolist(),
            "f1": f1.tolist(),
            "support": support.astype(int).tolist(),
        }

    truth, predicted = RNG.integers(0, 2, (2, 20, 3))
    yield case("three labels", truth, predicted)
    truth, predicted = RNG.integers(0, 2, (2, 12, 4))
    truth[:, 1] = predicted[:, 1] = 0
    truth[:, 2] = 0
    yield case("label 1 in neither, label 2 only predicted", truth, predicted)
    yield case("no label at all", np.zeros((3, 2), int), np.zeros((3, 2), int))


# Translations

OPTIONS = [
    {"tokenize": "13a", "smooth": "exp", "effective": False},
    {"tokenize": "13a", "smooth": "exp", "effective": True},
    {"tokenize": "13a", "smooth": "floor", "value": 0.1, "effective": False},
    {"tokenize": "13a", "smooth": "floor", "value": 0.5, "effective": True, "lowercase": True},
    {"tokenize": "13a", "smooth": "none", "effective": False},
    {"tokenize": "13a", "smooth": "none", "effective": True},
    {"tokenize": "none", "smooth": "exp", "effective": False},
    {"tokenize": "char", "smooth": "exp", "effective": False, "lowercase": True},
]

CHRF_OPTIONS = [
    {},
    {"word_order": 2},
    {"whitespace": True},
    {"word_order": 2, "lowercase": True},
    {"char_order": 3, "word_order": 1, "beta": 3},
    {"char_order": 0, "word_order": 2, "beta": 1},
]

CORPORA = {
    "one reference": (
        ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."],
        [["The dog bit the man."], ["It was not unexpected."], ["The man bit him first."]],
    ),
    "two references": (
        ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."],
        [
            ["The dog bit the man.", "The dog had bit the man."],
            ["It was not unexpected.", "No one was surprised."],
            ["The man bit him first.", "The man had bitten the dog."],
        ],
    ),
    "unequal numbers of references": (
        ["a b c d e", "the the the the", "x y"],
        [["a b c e d", "a b c d", "e d c b a f"], ["the cat the mat"], ["x y", "x y z"]],
    ),
    "empty hypothesis": ([""], [["A reference."]]),
    "empty hypothesis among others": (["", "a cat sat on the mat"], [["nothing"], ["a cat sat on a mat"]]),
    "empty reference": (["a cat sat", "a dog ran off today"], [[""], ["a dog ran off today"]]),
    "both empty": ([""], [[""]]),
    "only spaces": (["  \t ", "a b"], [["a"], [" a  b "]]),
    "nothing in common": (["abc def ghi jkl mno"], [["qrs tuv wxy z 1 2"]]),
    "short sentence": (["good morning"], [["good morning"]]),
    "no trigram matches": (["the cat is here now"], [["the cat was here then"]]),
    "identical": (["Ein Mann, der 3,5 kg trägt; er lacht - laut."] * 2, [["Ein Mann, der 3,5 kg trägt; er lacht - laut."]] * 2),
    "longer than the reference": (["the the the the the the the"], [["the cat is on the mat", "there is a cat on the mat"]]),
    "reference lengths tie": (["a b c d"], [["a b c d e f", "a b", "g h i j k l"]]),
    "unicode punctuation": (
        ["« Où est-il ? » – demanda-t-elle…", "„Ja“, sagte er, „warum nicht?“", "他说：“你好，世界。”", "¿Qué? ¡Sí!"],
        [["« Où est-elle ? » — demanda-t-il..."], ["\"Ja\", sagte sie, „wieso nicht?“"], ["她说：“你好世界！”"], ["¿Que? ¡Si!"]],
    ),
    "case and its odd forms": (["ΣΊΣΥΦΟΣ ÖFFNET İstanbul STRASSE ǅ", "ǈ ẞ"], [["σίσυφος öffnet i̇stanbul straße ǆ"], ["ǉ ß"]]),
    "combining marks and emoji": (["cafe\u0301 👩‍👩‍👧 ok 🇫🇷 !", "e\u0301"], [["café 👩‍👧 ok 🇫🇷!"], ["é"]]),
    "spaces of all kinds": (
        ["a\u00a0b\u2003c\u3000d", "e\x1cf\x1dg\x1eh\x1fi\x85j", "k\u200bl\ufeffm\u180en o\n"],
        [["a b c d"], ["e f g h i j"], ["k l m n o"]],
    ),
    "punctuation of words": (["(hi) 'tis ... ! end.) a. .b -", "“x” ,y, z!"], [["(hi ) 'tis .. ! end. ) a .b -"], ["x ,y ,z!"]]),
}

EDGES = [
    "", " ", ".", ",", "-", "..", "...", ". .", ".,.,", "a.", ".a", "a.b", "1.", ".1", "1.5", "1,000.50", "1,,5", "1.,5", "5.a", "a.5",
    "3-4", "a-3", "3-a", "3--4", "--", "1-2-3", "-5", "pre-war", "'", "don't", "'a'", "\"a\"", "a\"b", "`a`", "a/b", "a\\b", "[x]{y}(z)<w>",
    "&quot;a&quot;", "&amp;lt;", "&amp;quot;", "&lt;skipped>", "&lt;b&gt;", "& amp;", "&apos;", "<skipped>", "a<skipped>b", "<skip<skipped>ped>",
    "high-\nspeed", "a-\n", "a\nb", "a\r\nb", "-\n-\n", "$5.00", "50%", "a@b.c", "#tag", "x^y~z_w|v", "a+b=c*d", "Mr. J. Smith, Jr., said: no!",
    "U.S.A.", "e.g.,", "1.000,00€", "№5.", "５．５", "٣,٤", "a…b", "a–b", "5–6", "«a»", "“a”", "a·b", "a\u00a0.", "\x1c.", "ä.ö,ü", "😀.😀", "a.\u0301b",
]


def fuzz(count):
    """Lines of symbols that tokenizers trip over; always the same."""
    source = random.Random(13)
    symbols = list("ab01.,-'\"&;<>/ ") + ["..", " -", "&amp;", "&quot;", "&lt;", "<skipped>", "-\n", "\n", "\t", "é", "…", "\u00a0", "\x1f", "。", "٣", "😀"]
    return ["".join(source.choices(symbols, k=source.randrange(1, 24))) for _ in range(count)]


def streams(references):
    """As sacreBLEU takes references: one list for each, with None where a sentence has fewer."""
    most = max(map(len, references))
    return [[refs[i] if i < len(refs) else None for refs in references] for i in range(most)]


def bleu_of(options, **more):
    return BLEU(
        tokenize=options["tokenize"],
        force=True,
        smooth_method=options["smooth"],
        smooth_value=options.get("value"),
        effective_order=options["effective"],
        lowercase=options.get("lowercase", False),
        **more,
    )


def bleu_case(hypotheses, references, options):
    metric = bleu_of(options)
    score = metric.corpus_score(hypotheses, references)
    line = score.format(signature=str(metric.get_signature()))
    orders = [bleu_of(options, max_ngram_order=n).corpus_score(hypotheses, references).score for n in (1, 2, 3, 4)]
    assert orders[3] == score.score
    return options | {
        "orders": orders,
        "precisions": score.precisions,
        "matches": score.counts,
        "totals": score.totals,
        "penalty": score.bp,
        "line": line,
    }


def chrf_case(hypotheses, references, options):
    metric = CHRF(**options)
    score = metric.corpus_score(hypotheses, references)
    return options | {"score": score.score, "line": score.format(signature=str(metric.get_signature()))}


def corpus_cases():
    for name, (hypotheses, references) in CORPORA.items():
        refs = streams(references)
        yield {
            "name": name,
            "hypotheses": hypotheses,
            "references": references,
            "bleu": [bleu_case(hypotheses, refs, options) for options in OPTIONS],
            "chrf": [chrf_case(hypotheses, refs, options) for options in CHRF_OPTIONS],
        }


def words(tokenizer, line):
    return BLEU(tokenize=tokenizer, force=True)._preprocess_segment(line).split()


def line_cases():
    for line in EDGES + fuzz(300):
        yield {"line": line, "13a": words("13a", line), "char": words("char", line), "none": words("none", line)}


def file_cases():
    """Each line, and each line that lost every third word beside it."""
    names = ["translation/multi30k.test.de", "translation/multi30k.val.en", "sentiment/sst2.test.txt", "sentiment/vader_tweets.txt"]
    if not all((DATA / name).exists() for name in names):
        print(f"kept what is known of the files, which are not in {DATA}")
        yield from json.loads((HERE / "translation.json").read_text(encoding="utf-8"))["files"]
        return
    for name in names:
        lines = (DATA / name).read_bytes().decode("utf-8").split("\n")
        text = "\n".join(" ".join(words("13a", line)) for line in lines)
        shorter = [" ".join(w for i, w in enumerate(line.split(" ")) if i % 3 < 2) for line in lines]
        yield {
            "file": name,
            "lines": len(lines),
            "crc32": zlib.crc32(text.encode()),
            "bleu": bleu_case(shorter, [lines], OPTIONS[0]),
            "chrf": [chrf_case(shorter, [lines], options) for options in CHRF_OPTIONS[:2]],
        }


# Forecasts


def forecast_cases():
    def case(name, actual, predicted, past, period):
        spread = RNG.uniform(0, 2, len(actual))
        lower, upper = predicted - spread, predicted + RNG.uniform(0, 2, len(actual))
        lower[0], upper[-1] = actual[0], actual[-1]
        some = actual != 0
        both = np.abs(actual) + np.abs(predicted)
        unit = sk.mean_absolute_error(past[period:], past[:-period])
        return {
            "name": name,
            "actual": actual.tolist(),
            "predicted": predicted.tolist(),
            "past": past.tolist(),
            "period": period,
            "lower": lower.tolist(),
            "upper": upper.tolist(),
            "mae": sk.mean_absolute_error(actual, predicted),
            "mse": sk.mean_squared_error(actual, predicted),
            "rmse": sk.root_mean_squared_error(actual, predicted),
            "mape": 100 * sk.mean_absolute_percentage_error(actual[some], predicted[some]),
            "skipped": int(np.sum(~some)),
            "smape": float(np.mean(200 * np.abs(actual - predicted) / np.where(both > 0, both, 1))),
            "mase": sk.mean_absolute_error(actual, predicted) / unit,
            "pinball": {
                str(q): sk.mean_pinball_loss(actual, predicted, alpha=q) for q in (0.0, 0.1, 0.5, 0.9, 1.0)
            },
            "coverage": float(np.mean((lower <= actual) & (actual <= upper))),
        }

    past = 100 + 10 * np.sin(np.arange(60) * math.pi / 6) + RNG.normal(size=60)
    actual = 100 + 10 * np.sin(np.arange(60, 84) * math.pi / 6)
    yield case("seasonal", actual, actual + RNG.normal(size=24), past, 12)
    yield case("last value", actual, np.full(24, past[-1]), past, 1)
    actual, predicted = RNG.normal(size=(2, 30))
    actual[[3, 7]] = 0
    predicted[3] = 0
    yield case("zeros", actual, predicted, RNG.normal(size=20), 7)
    yield case("one value", np.array([-2.5]), np.array([-2.0]), np.array([1.0, 2.0]), 1)


def frame_cases():
    sounding = RNG.random((12, 8)) < 0.3
    probabilities = RNG.random((12, 8))
    probabilities[0, 0], probabilities[1, 1] = 0, 1
    yield {
        "sounding": sounding.ravel().tolist(),
        "probabilities": probabilities.ravel().tolist(),
        "notes": 8,
        "nats": 8 * sk.log_loss(sounding.ravel(), probabilities.ravel(), labels=[False, True]),
    }


write(
    "classification.json",
    {
        "classes": class_cases(),
        "auroc": auroc_cases(),
        "one_vs_rest": one_vs_rest_cases(),
        "log_loss": log_loss_cases(),
        "multi_label": multi_label_cases(),
    },
)
write("translation.json", {"corpora": corpus_cases(), "lines": line_cases(), "files": file_cases()})
write("forecast.json", {"forecasts": forecast_cases(), "frames": frame_cases()})
