"""What a model says, writes and shows."""

import multiprocessing
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conftest import SMALL, rows, words

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
    Path("blank.txt").write_text("Kim\n\n")
    assert names.predict(Path("blank.txt")).tolist() == [said[2], None]
    assert np.isnan(names.predict_proba(Path("blank.txt"))[1]).all()
    assert names.predictions(["Kim"])[0].keys() >= {"label", "probability", "probabilities", "text"}


def test_scores_have_names(names, tunes):
    scores = names.evaluate()
    assert 0 <= scores["accuracy"] <= 1 and scores["examples"] > 0
    labels = names.classes_[[0, 1, 0]]
    assert names.evaluate(["Kim", "Rossi", "Ito"], labels)["examples"] == 3
    assert tunes.evaluate()["loss"] > 0
    assert tunes.evaluate(["X:1\nK:C\nCDEF|"])["pieces"] == 1


def test_pieces_are_written(tunes):
    first, second = tunes.generate(count=2, tokens=40, seed=3)
    assert str(first) == first.text and first.text.startswith("X:") and first.text != second.text
    assert tunes.generate(tokens=40, seed=3)[0] == first
    written = tunes.generate(["X:1\nT:a", "X:2\nT:b"], tokens=9, temperature=0, logprobs=2)
    assert [piece.prompt for piece in written] == [0, 1] and len(written[0].logprobs[0]["top"]) == 2
    assert tunes.generate("X:1\n", beams=3, tokens=9)[0].nats_per_token > 0
    assert len({piece.seed for piece in (tunes.generate(tokens=1)[0] for _ in range(9))}) > 1


def test_tunes_have_what_is_asked_for_and_are_played(tunes):
    tune = tunes.generate(key="G major", meter="6/8", tokens=300, seed=1)[0]
    for line in tune.text.splitlines():
        assert not line.startswith("K:") or line.startswith("K:G")
    tune.save("tune.mid")
    tune.save("tune.abc")
    tune.save("tune.wav")
    assert Path("tune.mid").read_bytes()[:4] == b"MThd" and Path("tune.wav").read_bytes()[:4] == b"RIFF"
    assert Path("tune.abc").read_text() == tune.text
    with pytest.raises(anaphora.CallError, match="^key: \"H\" is no key"):
        tunes.generate(key="H")
    with pytest.raises(anaphora.CallError, match="^key: the prompt has a K: field already"):
        tunes.generate("X:1\nK:C\n", key="D")


def test_notes_are_composed(runs):
    model = anaphora.train(builtin="chorales", out=runs / "chorales", hidden=16, steps=20, on_event=lambda _: None)
    first, second = model.generate(count=2, tokens=8, seed=1)
    assert first.midi()[:4] == b"MThd" and first.notes != second.notes and first.text.startswith("X:")
    first.save("begun.mid")
    assert len(model.generate(Path("begun.mid"), tokens=4, seed=2)[0].midi()) > 20
    assert model.evaluate()["examples"] > 0
    with pytest.raises(anaphora.CallError, match="writes notes"):
        model.generate("X:1", tokens=4)
    with pytest.raises(anaphora.Error, match="continues text or music"):
        model.predict("x")


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
    assert "".join(scored.tokens).replace("\\n", "\n") == piece.text and scored.logprob == pytest.approx(scored.logprobs.sum())
    assert len(tunes.score("X", ended=True)[0].ids) == 2 and len(tunes.score(["X:1", "X:2"])) == 2
    # The loss of an evaluation is minus their mean.
    text = "X:1\nK:C\nCDEF|\n"
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
    with pytest.raises(anaphora.Error, match="holds only a transformer"):
        tunes.export(to="huggingface")
    Path("words.txt").write_text("one two three four\n" * 40)
    transformer = anaphora.train("words.txt", backbone="transformer", layers=1, hidden=16, heads=2, steps=2, out="transformer")
    (folder,) = transformer.export(to="huggingface")
    assert (folder / "config.json").exists() and (folder / "model.safetensors").exists()


def test_weights_of_eight_bits_are_near(tunes):
    eight = anaphora.load(tunes.path, precision="int8")
    text = "X:1\nK:C\nCDEF|"
    found, expected = eight.score(text)[0].logprobs, tunes.score(text)[0].logprobs
    assert not np.array_equal(found, expected)
    np.testing.assert_allclose(found, expected, atol=0.2)


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
    run = Path(shutil.copytree(names.path, "copy"))
    model = anaphora.load(run)
    said = model.predict(SURNAMES)
    shutil.rmtree(run)
    assert (model.predict(SURNAMES) == said).all()
    with pytest.raises(anaphora.Error, match="copy is not a run folder"):
        model.inspect("Kim")


def test_rows_words_and_pictures_are_looked_at():
    data, kinds = rows(40)
    quiet = {**SMALL, "steps": 2, "on_event": lambda _: None}
    model = anaphora.train(data, kinds, **quiet)
    assert model.inspect(data[0], show="gates")["gates.l0.h"].shape == (6, 12)
    np.testing.assert_allclose(model.inspect(list(data[0]), show="input")["input"][:, 0], data[0], atol=1e-4)
    texts, _ = words(40)
    sentences = [text.split() for text in texts]
    tagger = anaphora.train(sentences, [["N" if word.isdigit() else "A" for word in one] for one in sentences], **quiet)
    assert tagger.inspect(sentences[3], show="gates").labels["steps"] == sentences[3]
    pictures = np.random.default_rng(1).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    seen = anaphora.train(pictures, np.arange(40) % 2, **quiet).inspect(pictures[7], show="input")
    np.testing.assert_allclose(seen["picture"][..., 0] * 255, pictures[7], atol=0.01)
