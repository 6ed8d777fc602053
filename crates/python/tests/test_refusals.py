"""What is wrong is one sentence that names it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import SMALL, rows, words

import anaphora
from anaphora import CallError, Error

NAN, INF = float("nan"), float("inf")
TEXTS, KINDS = words(30)
ROWS, CLASSES = rows(30)


def bad(array, at, value):
    array = np.array(array, dtype=float)
    array[at] = value
    return array


FRAME = pd.DataFrame({"text": TEXTS, "label": KINDS})

# What is given to `train`, the kind of exception, and its sentence.
REFUSED = {
    "keyword": (dict(builtin="names", hiden=3), TypeError, r"^train\(\) takes no keyword 'hiden'; did you mean 'hidden'\?$"),
    "field": (dict(builtin="names", set={"model.size": 3}), CallError, r"^set model.size: there is no field model.size"),
    "value": (dict(builtin="names", hidden=-3), CallError, r"^hidden: field model.hidden_size is -3; it takes a whole number from 1 to 65536$"),
    "kind": (dict(builtin="names", hidden=object()), TypeError, r"^hidden is a object; it takes a text, a number"),
    "unread": (dict(builtin="names", horizon=3), CallError, r"^horizon: field series.horizon is read by the tasks? .*, and this one is classify$"),
    "nothing": ({}, CallError, "data"),
    "file": (dict(data="nowhere.txt"), Error, r"^nowhere.txt: no such file or folder$"),
    "y of a file": (dict(data="nowhere.txt", y=[1]), TypeError, "y is for data that are a list"),
    "large": (dict(builtin="names", hidden=65536, layers=8), Error, "^training needs about .* of memory and .* are free"),
    "type": (dict(data=3), TypeError, "^data is a int; a list, an array or a frame is needed$"),
    "list": (dict(data=["a", 3]), TypeError, "^the list has a int in it"),
    "empty": (dict(data=[]), CallError, "^the list is empty"),
    "blank": (dict(data=["a", " "]), CallError, "^the list, item 1: the text is blank"),
    "lengths": (dict(data=TEXTS, y=KINDS[:5]), CallError, "^the list has 30 items and y has 5; one for each is needed$"),
    "missing truth": (dict(data=TEXTS, y=[*KINDS[:29], None]), CallError, "^y has None at 29"),
    "truth of pandas": (dict(data=TEXTS, y=pd.Series([*KINDS[:29], pd.NA])), CallError, "^y has \\S+ at 29"),
    "no label": (dict(data=TEXTS, y=[{"a"}, *[set()] * 29]), CallError, r"^y has set\(\) at 1; each needs a label or a finite number$"),
    "nan truth": (dict(data=ROWS, y=bad(CLASSES, 3, NAN)), CallError, "^y has nan at 3; each needs a label or a finite number$"),
    "nan": (dict(data=bad(ROWS, (4, 2), NAN), y=CLASSES), CallError, r"^the array has nan at \[4, 2\]; a finite number is needed$"),
    "infinite": (dict(data=bad(np.arange(99), 7, INF)), CallError, "^the array has inf at row 7; a finite number is needed$"),
    "shape": (dict(data=np.zeros((2, 2, 2, 2))), CallError, r"^the array has the shape \[2, 2, 2, 2\]"),
    "row": (dict(data=np.arange(30.0), y=CLASSES), CallError, r"^the array has the shape \[30\]; rows of numbers, \[rows, columns\], are needed$"),
    "complex": (dict(data=ROWS + 1j, y=CLASSES), TypeError, "^the array is of complex128; real numbers are needed$"),
    "no task": (dict(data=ROWS, y=CLASSES, task="clasify"), CallError, r"^task: field task is \"clasify\"; it takes auto, music,"),
    "surrogate": (dict(data=["a\ud800b"]), CallError, "^the list, item 0: .* is half a character, text is needed$"),
    "surrogate in a frame": (dict(data=FRAME.assign(label="\udc80"), label="label", text="text"), CallError, "^the frame has .* in it, which is half a character; text is needed$"),
    "a text": (dict(data="Once\nupon a time"), CallError, "^data is a text of several lines, and a text is the path of a file; give a list of texts$"),
    "binary": (dict(data=TEXTS[:29] + ["a\0b"], y=KINDS), CallError, "^the list, item 29: a NUL character is in it, text is needed$"),
    "observer": (dict(builtin="names", on_event=3), TypeError, "^on_event is a int; a function of an event is needed$"),
    "set": (dict(builtin="names", set=[3]), TypeError, "^set is a list; a dictionary of fields and their values is needed$"),
    "words as rows": (dict(data=np.array([["a", "b"]] * 30), y=CLASSES), TypeError, "^the array has a str in it; texts, or rows of as many numbers each, are needed$"),
    "ragged": (dict(data=[[1.0], [1.0, 2.0]], y=[0, 1]), TypeError, "^the list has rows of different lengths in it"),
    "pictures": (dict(data=np.zeros((4, 8, 8)), y=[0, 1, 0, 1]), CallError, r"^the array is of float64 and has the shape \[4, 8, 8\]; gray pictures of uint8"),
    "task": (dict(data=TEXTS, task="classify"), CallError, "^the list has texts alone, and task is classify; y takes what is true of each$"),
    "one class": (dict(data=TEXTS, y=["one"] * 30), Error, "^the list: all examples to learn from have the label one; two or more are needed$"),
    "column": (dict(data=FRAME, label="kind"), CallError, "^the frame has no column 'kind'; its columns are text, label$"),
    "cell": (dict(data=FRAME.assign(label=[*KINDS[:29], None]), label="label", text="text"), CallError, r"^the frame has \S+ in row 29 of the column 'label'; leave the row out"),
    "cell of polars": (dict(data=pl.DataFrame({"a": [1.0, NAN] * 50}), task="forecast"), CallError, "^the frame has nan in row 1 of the column 'a'; "),
    "object": (dict(data=FRAME.assign(text=[[1]] * 30), label="label"), TypeError, "^the frame has a list in row 0 of the column 'text'; texts, numbers and dates are needed$"),
    "twice": (dict(data=pd.DataFrame([[1, 2]], columns=["a", "a"])), CallError, "^the frame has two columns 'a'"),
    "translation": (dict(data=["a b"], y=["c\nd"], task="translate"), CallError, r"^y, item 0: a sentence in one line is needed, 'c\\nd' is none$"),
    "tags": (dict(data=[["a", "b"]], y=[["N"]]), CallError, "^the list, item 0: there are 2 words and 1 tags; one for each word is needed$"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_data_are_refused(case):
    call, kind, sentence = REFUSED[case]
    with pytest.raises(kind, match=sentence) as refused:
        anaphora.train(**{**SMALL, "on_event": lambda _: None, **call})
    assert "/tmp" not in str(refused.value) and "\n" not in str(refused.value)
    assert not os.path.exists("runs") or not os.listdir("runs"), "no run is left"


def test_a_row_of_a_frame_is_named_by_its_place():
    dates = [f"2024-01-{day:02}" for day in range(1, 29)]
    dates[20] = dates[19]
    frame = pd.DataFrame({"when\nit was": dates, "sold": np.arange(28.0)})
    with pytest.raises(Error, match="^the frame, row 20: the date 2024-01-20.* comes twice"):
        anaphora.train(frame, task="forecast", horizon=2, lookback=4, **SMALL)


def test_a_text_of_a_list_is_named_by_its_number(tunes):
    texts = ["X:1\nK:C\nCDEF|\n", "X:2\nK:C\n\u20ac|"]
    with pytest.raises(Error, match=r"^the list, item 1: .*U\+20AC"):
        tunes.evaluate(texts)


def test_columns_are_known_by_their_names():
    frame = pd.DataFrame(ROWS, columns=list("abcdef"))
    model = anaphora.train(frame, pd.Series(CLASSES, name="kind"), **{**SMALL, "on_event": lambda _: None})
    said = model.predict(frame)
    assert (model.predict(frame[list("fedcba")]) == said).all() and (model.predict(ROWS) == said).all()
    assert (model.predict(frame.assign(kind=CLASSES)) == said).all()
    numbered = pd.DataFrame(np.column_stack([ROWS, CLASSES]))
    by_number = anaphora.train(numbered.astype({6: int}), label=6, set={"data.input": "numbers"}, **{**SMALL, "on_event": lambda _: None})
    assert (by_number.predict(pd.DataFrame(ROWS)) == said).all() and by_number.evaluate(numbered.astype({6: int}))["examples"] == 30
    with pytest.raises(CallError, match="^the frame has no column '9'; its columns are column 0, "):
        anaphora.train(numbered, label=9)
    with pytest.raises(CallError, match="^the frame has no column 'b'; the model reads a, b, c, d, e, f$"):
        model.predict(frame.drop(columns="b"))
    with pytest.raises(CallError, match="^the frame has a column 'g' more; the model reads a, b, c, d, e, f$"):
        model.predict(frame.assign(g=1.0))
    with pytest.raises(CallError, match=r"^the frame has nan at \[0, 2\]; a finite number is needed$"):
        model.predict(frame.assign(c=[NAN, *ROWS[1:, 2]]))


def test_inputs_are_refused(names, tunes):
    for inputs, kind, sentence in [
        (["Kim", 3], TypeError, "^the list has a int at 1; texts or rows of numbers are needed$"),
        (["Kim", " "], CallError, "^the list, item 1: the text is blank"),
        (None, TypeError, "^inputs is missing; texts or rows of numbers are needed$"),
        (["Kim", "\ud800"], CallError, "^the list, item 1: .* is half a character"),
        (" ", CallError, "^the text, item 0: the text is blank"),
        (3, TypeError, "^inputs is a int; a list, an array or a frame is needed$"),
        (pd.DataFrame({"name": ["Kim"], "age": [3]}), CallError, r"^the frame has the columns name, age; the column of texts alone is needed, as frame\['name'\]$"),
    ]:
        with pytest.raises(kind, match=sentence):
            names.predict(inputs)
    with pytest.raises(Error, match="is a model that continues text or music"):
        tunes.predict("X:1")
    with pytest.raises(Error, match="is a model for the task classify, which continues no text"):
        names.generate()
    with pytest.raises(Error, match="is a model for the task classify, which continues no text"):
        names.stream()
    for options, sentence in [
        (dict(count=0), "^count is 0; it takes a whole number from 1 to 10000$"),
        (dict(temperature=-1.0), "temperature"),
        (dict(top_p=NAN), "^top-p is NaN; it takes a number above 0, at most 1$"),
        (dict(prompt=[]), "pieces are asked for"),
    ]:
        with pytest.raises(CallError, match=sentence):
            tunes.generate(**options)
    with pytest.raises(Error, match="€"):
        tunes.generate("€", tokens=1)
    with pytest.raises(CallError, match="^there is no view 'gate'; the views are input,"):
        tunes.inspect(show="gate")
    with pytest.raises(CallError, match="^the view attention: "):
        tunes.inspect(show="attention")
    with pytest.raises(CallError, match="^precision is 'f16'; it takes 'auto', 'f32', 'bf16' or 'int8'$"):
        anaphora.load(names.path, precision="f16")


def test_rows_and_series_of_other_shapes_are_refused():
    model = anaphora.train(ROWS, CLASSES, **{**SMALL, "steps": 2, "on_event": lambda _: None})
    with pytest.raises(Error, match="^the array, item 0: there are 5 numbers, 6 as in training are needed$"):
        model.predict(ROWS[:, :5])
    with pytest.raises(CallError, match=r"^the array has nan at \[3, 1\]; a finite number is needed$"):
        model.predict(bad(ROWS, (3, 1), NAN))
    wave = np.sin(np.arange(200.0))
    series = anaphora.train(wave, horizon=3, **{**SMALL, "steps": 2, "on_event": lambda _: None})
    with pytest.raises(Error, match="^the array: a series of 2 steps was found, .* or more are needed to forecast from$"):
        series.predict(wave[:2])
    with pytest.raises(Error, match="^the array"):
        series.predict(np.zeros((50, 3)))
    with pytest.raises(CallError, match=r"^the array has the shape \[2, 3, 4\], and task is forecast"):
        series.predict(np.zeros((2, 3, 4)))


def test_broken_runs_are_refused(names):
    with pytest.raises(Error, match="^nowhere is not a run folder"):
        anaphora.load("nowhere")
    with pytest.raises(Error, match="already holds a run"):
        anaphora.train(builtin="names", out=names.path, **SMALL)
    for file, content in [
        ("run.json", b"{"),
        ("run.json", b"[1]"),
        ("recipe.toml", b"task = 3"),
        ("recipe.toml", b""),
        ("model.safetensors", b""),
        ("model.safetensors", b"\xff" * 64),
        ("classes.json", b"{}"),
        ("tokenizer.json", b"[]"),
    ]:
        run = Path(shutil.copytree(names.path, "broken"))
        (run / file).write_bytes(content)
        with pytest.raises(Error, match="broken"):
            anaphora.load(run)
        shutil.rmtree(run)
    run = Path(shutil.copytree(names.path, "cut"))
    weights = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(Error, match="cut/model.safetensors"):
        anaphora.load(run)
    os.remove(run / "model.safetensors")
    with pytest.raises(Error, match="^cut has no model yet"):
        anaphora.load(run)
