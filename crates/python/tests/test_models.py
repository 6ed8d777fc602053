"""What a model says, writes and shows."""

import multiprocessing
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import anaphora

SURNAMES = ["Zhukov", "Rossini", "Kim", "Okafor"]


def test_classes_and_probabilities_fit_together(names):
    said, probabilities = names.predict(SURNAMES), names.predict_proba(SURNAMES)
    assert said.shape == (4,) and probabilities.shape == (4, len(names.classes_))
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert (names.classes_[probabilities.argmax(1)] == said).all()
    assert (names.predict(pd.Series(SURNAMES)) == said).all() and (names.predict(np.asarray(SURNAMES)) == said).all()
    assert names.predict("Kim").tolist() == [said[2]]
    Path("names.txt").write_text("\n".join(SURNAMES) + "\n")
    assert (names.predict(Path("names.txt")) == said).all()
    assert names.predictions(["Kim"])[0].keys() >= {"label", "probability", "probabilities", "text"}


def test_scores_have_names(names, tunes):
    scores = names.evaluate()
    assert 0 <= scores["accuracy"] <= 1 and scores["examples"] > 0
    labels = names.classes_[[0, 1, 0]]
    assert names.evaluate(["Kim", "Rossi", "Ito"], labels)["examples"] == 3
    assert tunes.evaluate()["loss"] > 0
    assert tunes.evaluate(["X:1\nK:C\nCDEF|]"])["pieces"] == 1


def test_pieces_are_written(tunes):
    first, second = tunes.generate(count=2, tokens=40, seed=3)
    assert str(first) == first.text and first.text.startswith("X:") and first.text != second.text
    assert tunes.generate(tokens=40, seed=3)[0] == first
    written = tunes.generate(["X:1\nT:a", "X:2\nT:b"], tokens=9, temperature=0, logprobs=2)
    assert [piece.prompt for piece in written] == [0, 1] and len(written[0].logprobs[0]["top"]) == 2
    assert tunes.generate("X:1\n", beams=3, tokens=9)[0].nats_per_token > 0
    assert len({piece.seed for piece in (tunes.generate(tokens=1)[0] for _ in range(9))}) > 1


def test_the_parts_of_a_piece_make_it_up(tunes):
    for stop in ([], ["zz"], "K:"):
        parts = list(tunes.stream("X:1\n", tokens=60, seed=4, stop=stop))
        assert "".join(parts) == tunes.generate("X:1\n", tokens=60, seed=4, stop=stop)[0].text
    stream = tunes.stream(tokens=10**9)
    assert next(stream) == "X:"
    del stream


def test_log_probabilities_are_those_of_the_pieces(tunes):
    piece = tunes.generate("X:1\n", tokens=20, seed=5, logprobs=0)[0]
    scored = tunes.score(piece.text)[0]
    drawn = [token["logprob"] for token in piece.logprobs]
    np.testing.assert_allclose(scored.logprobs[-len(drawn) :], drawn, atol=1e-4)
    assert "".join(scored.tokens) == piece.text and scored.logprob == pytest.approx(scored.logprobs.sum())
    assert len(tunes.score("X", ended=True)[0].ids) == 2 and len(tunes.score(["X:1", "X:2"])) == 2
    # The loss of an evaluation is minus their mean.
    text = "X:1\nK:C\nCDEF|]\n"
    whole = tunes.score(text, ended=True)[0]
    assert tunes.evaluate([text])["loss"] == pytest.approx(-whole.logprobs.mean(), abs=1e-4)


def test_inspections_are_arrays(tunes, names):
    seen = tunes.inspect("X:1\nK:C\n", show="gates,next")
    assert isinstance(seen, dict) and seen["gates.l0.f"].shape == (len(seen["tokens"]), 12)
    assert seen["gates.l0.f"].dtype == np.float32 and seen.axes["gates.l0.f"] == ["steps", "units"]
    assert seen.labels["steps"][1:4] == ["X", ":", "1"] and seen.about["task"] == "music"
    # The probabilities that it expects are those that it scores with.
    logits = seen["logits"].astype(np.float64)
    logprobs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    expected = tunes.score("X:1\nK:C\n")[0]
    at = logprobs[np.arange(len(expected.ids)), expected.ids]
    np.testing.assert_allclose(at, expected.logprobs, atol=1e-4)
    seen.save("seen.html")
    seen.save("seen.safetensors")
    assert "<html" in Path("seen.html").read_text() and Path("seen.safetensors").stat().st_size > 0
    assert "saliency" in names.inspect(data=["Kim", "Ito"], y=names.classes_[:2], index=1)


def test_models_are_exported(names, tunes):
    (path,) = tunes.export("tunes.onnx")
    assert path.stat().st_size > 0
    with pytest.raises(anaphora.CallError, match="overwrite=True"):
        tunes.export("tunes.onnx")
    assert anaphora.export(tunes.path, "tunes.onnx", overwrite=True) == [path]
    with pytest.raises(anaphora.Error, match="GPT-2"):
        tunes.export(to="huggingface")


def test_translations_are_searched_for(names, reverse):
    assert len(reverse.predictions("3 1 2", n_best=3)[0]["best"]) == 3
    with pytest.raises(anaphora.CallError, match="which is for models that write"):
        names.predict("Kim", beams=2)


def test_threads_share_a_model(names, tunes):
    alone = names.predict_proba(SURNAMES)
    piece = tunes.generate(tokens=50, seed=1)[0].text
    with ThreadPoolExecutor(8) as pool:
        predicted = [pool.submit(names.predict_proba, SURNAMES) for _ in range(40)]
        written = [pool.submit(tunes.generate, tokens=50, seed=1) for _ in range(8)]
    assert all((one.result() == alone).all() for one in predicted)
    assert all(one.result()[0].text == piece for one in written)


def test_models_go_to_other_processes(names):
    said = names.predict(SURNAMES).tolist()
    assert pickle.loads(pickle.dumps(names)).predict(SURNAMES).tolist() == said
    # A process that is forked has none of the threads.
    child = multiprocessing.get_context("fork")
    with child.Pool(1) as pool:
        assert pool.apply_async(names.predict, (SURNAMES,)).get(60).tolist() == said

    def again(answers):
        answers.put(names.predict(SURNAMES).tolist())

    answers = child.Queue()
    process = child.Process(target=again, args=(answers,))
    process.start()
    assert answers.get(timeout=60) == said
    process.join(60)
    assert process.exitcode == 0


def test_a_model_outlives_its_file(names):
    run = shutil.copytree(names.path, "copy")
    model = anaphora.load(run)
    said = model.predict(SURNAMES)
    shutil.rmtree(run)
    assert (model.predict(SURNAMES) == said).all()
    with pytest.raises(anaphora.Error, match="copy is not a run folder"):
        model.inspect("Kim")
