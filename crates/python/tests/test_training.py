"""What is learnt from, and what is told of it."""

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import SMALL, rows, words

import anaphora

QUIET = {**SMALL, "on_event": lambda _: None}


def test_a_file_is_learnt(tmp_path):
    (tmp_path / "tale.txt").write_text("Once upon a time there was a tale.\n" * 200)
    model = anaphora.train("tale.txt", **SMALL)
    assert (model.path.as_posix(), model.task, model.info["steps"]) == ("runs/tale", "text", 30)
    assert model.recipe["model.hidden_size"] == 12
    assert repr(model) == "<anaphora.Model of runs/tale>"


def test_texts_are_learnt_as_documents():
    model = anaphora.train([f"a tale of {number} words" * 9 for number in range(40)], **QUIET, out="r")
    assert model.task == "text" and model.generate(tokens=5, seed=1)[0].seed == 1
    assert (model.path / "data" / "data.txt").read_text().count("<|endoftext|>") == 39


def test_tunes_are_learnt_as_tunes():
    tunes = [f"X:{number}\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|]" for number in range(1, 40)]
    assert anaphora.train(tunes, **QUIET).task == "music"


def test_the_same_seed_gives_the_same_bits_whatever_holds_the_data(tmp_path):
    texts, kinds = words(120)
    pandas = pd.DataFrame({"text": texts, "label": kinds})
    models = [
        anaphora.train(texts, kinds, **QUIET),
        anaphora.train(np.asarray(texts), np.asarray(kinds), **QUIET),
        anaphora.train(list(zip(texts, kinds)), **QUIET),
        anaphora.train(pandas["text"], pandas["label"], **QUIET),
        anaphora.train(pandas, label="label", text="text", **QUIET),
        anaphora.train(pl.DataFrame({"text": texts, "label": kinds}), label="label", text="text", **QUIET),
        anaphora.train(pandas[["text"]], pandas["label"], **QUIET),
    ]
    weights = [(model.path / "model.safetensors").read_bytes() for model in models]
    assert all(other == weights[0] for other in weights[1:])
    assert models[0].classes_.tolist() == ["blame", "praise"]


def test_rows_of_numbers_are_learnt():
    data, kinds = rows(200)
    model = anaphora.train(data, kinds, **{**QUIET, "steps": 200})
    assert (model.predict(data) == kinds).mean() > 0.9
    assert model.classes_.tolist() == [0, 1] and model.classes_.dtype.kind == "i"
    number = anaphora.train(data, data.sum(1), **QUIET)
    assert number.task == "regress" and number.predict(data[:5]).shape == (5,)


def test_series_and_paths_are_learnt():
    time = np.arange(400.0)
    wave = np.sin(time / 5)
    one = anaphora.train(wave, horizon=6, **QUIET)
    assert one.predict().shape == (6, 1) and one.predict(wave[:100]).shape == (6, 1)
    two = np.stack([wave, np.cos(time / 5)], 1)
    assert anaphora.train(two, horizon=6, **QUIET).predict(two).shape == (6, 2)
    frame = pd.DataFrame({"a": wave, "b": -wave}, index=pd.date_range("2024-01-01", periods=400, freq="h"))
    dated = anaphora.train(frame, task="forecast", horizon=6, **QUIET)
    assert anaphora.train(frame, task="forecast", columns=["b"], horizon=6, **QUIET).predict().shape == (6, 1)
    assert dated.predictions(frame)[0]["from"].startswith("2024-01-17")
    # Columns come in the order in which they were learnt, whatever they are called.
    turned = anaphora.train(pd.DataFrame({"z": wave, "a": 100 + wave}), task="forecast", horizon=6, **QUIET)
    assert (turned.predict()[:, 0] < 50).all() and (turned.predict()[:, 1] > 50).all()
    paths = np.cumsum(np.random.default_rng(1).normal(size=(40, 30, 2)), 1)
    walk = anaphora.train(paths, horizon=4, lookback=8, **QUIET)
    assert walk.task == "trajectory" and walk.predict(paths[:3]).shape == (3, 4, 2)


def test_pairs_tags_labels_and_pictures_are_learnt():
    texts, _ = words(60)
    turned = [" ".join(reversed(text.split())) for text in texts]
    pairs = anaphora.train(texts, turned, task="translate", **QUIET)
    assert len(pairs.predict(texts[:3])) == 3 and isinstance(pairs.predict(texts[0])[0], str)
    sentences = [text.split() for text in texts]
    tags = [["N" if word.isdigit() else "A" for word in sentence] for sentence in sentences]
    tagger = anaphora.train(sentences, tags, **QUIET)
    assert tagger.task == "tag" and [len(said) for said in tagger.predict(sentences[:3])] == [4, 4, 4]
    several = anaphora.train(texts, [{word for word in text.split() if not word.isdigit()} for text in texts], **QUIET)
    assert several.predict_proba(texts[:2]).shape == (2, 8) and isinstance(several.predict(texts[:1])[0], list)
    pictures = np.random.default_rng(1).integers(0, 255, (60, 8, 8), dtype=np.uint8)
    seen = anaphora.train(pictures, np.arange(60) % 3, **QUIET)
    assert seen.predict(pictures[:4]).shape == (4,) and seen.predict_proba(pictures[:4]).shape == (4, 3)


def test_data_to_validate_on_are_given_alike():
    texts, kinds = words(80)
    other = words(20, 1)
    events = []
    anaphora.train(texts, kinds, valid=other, **{**SMALL, "on_event": events.append})
    started = next(event for event in events if event["event"] == "started")
    assert started["examples"] == {"train": 80, "validation": 20}


def test_events_are_told_and_end_a_training():
    events = []

    def observe(event):
        events.append(event)
        return event["event"] != "step" or event["step"] < 7

    model = anaphora.train(builtin="names", out="r", **{**SMALL, "on_event": observe})
    assert model.info["steps"] == 7 and [event["event"] for event in events if event["event"] != "note"][0] == "started"
    assert {"step", "loss", "learning_rate"} <= events[-1].keys()
    with pytest.raises(anaphora.Error, match="has no model yet"):
        model.predict("x")
    assert anaphora.resume("r").info["steps"] == 30


def test_an_exception_of_the_observer_ends_a_training_that_can_be_resumed():
    def observe(event):
        if event.get("step") == 5:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        anaphora.train(builtin="names", out="r", **{**SMALL, "on_event": observe})
    whole = anaphora.train(builtin="names", out="whole", **QUIET)
    resumed = anaphora.resume("r")
    assert (resumed.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_ctrl_c_ends_a_training_that_comes_to_the_same_bits():
    settings = "builtin='tunes', hidden=12, length=32, batch=8, steps=3000, precision='f32', threads=1"
    code = f"""
import anaphora, os, signal, sys, threading
def press():
    os.kill(os.getpid(), signal.SIGINT)
timer = threading.Timer(0.4, press)
def observe(event):
    if event['event'] == 'started':
        timer.start()
try:
    anaphora.train({settings}, out='stopped', on_event=observe)
except KeyboardInterrupt:
    print('pressed', anaphora.Model('stopped').info['steps'])
"""
    said = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=120)
    assert said.stdout.startswith("pressed"), said
    steps = int(said.stdout.split()[1])
    assert 0 < steps < 3000
    anaphora.resume("stopped", steps=200)
    anaphora.train(builtin="tunes", hidden=12, length=32, batch=8, steps=3000, precision="f32", threads=2, out="whole",
                   on_event=lambda event: event.get("step") != steps)
    anaphora.resume("whole", steps=200)
    stopped, whole = (anaphora.Model(run) for run in ("stopped", "whole"))
    assert stopped.info["steps"] == whole.info["steps"] == steps + 200
    assert (stopped.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_ctrl_c_ends_other_work(names):
    code = f"""
import anaphora, os, signal, threading
model = anaphora.load({str(names.path)!r})
texts = ['abcdefghij' * 20] * 50_000
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    while True:
        model.predict(texts)
except KeyboardInterrupt:
    print('pressed', len(model.predict(['Kim'])))
"""
    said = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, timeout=60)
    assert said.stdout == "pressed 1\n", said


def test_who_goes_on_with_what_has_ended_is_told(names, tmp_path):
    with pytest.warns(anaphora.Note, match="had ended: the budget of the recipe was used up; steps, epochs or minutes say") as told:
        resumed = anaphora.resume(names)
    assert resumed.info["steps"] == 30 and told[0].filename == __file__


def test_notes_are_warnings(tmp_path):
    (tmp_path / "sales.csv").write_text("date,sold\n" + "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 29)))
    with pytest.warns(anaphora.Note, match="so the task is forecast; task names another, as in task='text'"):
        anaphora.train("sales.csv", horizon=2, lookback=4, **SMALL)


def test_a_run_goes_on_from_another():
    texts, kinds = words(80)
    first = anaphora.train(texts, kinds, out="first", **QUIET)
    other = anaphora.train(*words(80, 2), from_="first", steps=5, out="other", on_event=lambda _: None)
    assert other.info["from"].endswith("first") and other.recipe["model"] == first.recipe["model"]


def test_recipes_are_made_kept_and_used():
    recipe = anaphora.Recipe(task="classify", backbone="gru", hidden=16, set={"training.betas": [0.8, 0.9]})
    assert (recipe["model.backbone"], recipe["training.betas"], recipe["task"]) == ("gru", [0.8, 0.9], "classify")
    recipe.save("gru.toml")
    assert anaphora.Recipe("gru.toml") == recipe and "# " in recipe.to_toml()
    texts, kinds = words(60)
    model = anaphora.train(texts, kinds, recipe=recipe, steps=5, on_event=lambda _: None)
    assert (model.recipe["model.backbone"], model.recipe["training.steps"]) == ("gru", 5)
    assert anaphora.Recipe.fields()["model.hidden_size"]["keyword"] == "hidden"
