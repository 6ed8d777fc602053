"""Tiny models, trained once for all tests."""

import numpy as np
import pytest

import anaphora

SMALL = {"hidden": 12, "steps": 30, "precision": "f32", "threads": 2}


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Runs without a folder of their own go to where nothing is."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def tunes(runs):
    return anaphora.train(builtin="tunes", out=runs / "tunes", length=32, batch=8, on_event=lambda _: None, **SMALL)


@pytest.fixture(scope="session")
def names(runs):
    return anaphora.train(builtin="names", out=runs / "names", on_event=lambda _: None, **SMALL)


@pytest.fixture(scope="session")
def reverse(runs):
    return anaphora.train(builtin="reverse", out=runs / "reverse", on_event=lambda _: None, **SMALL)


def words(count, seed=0):
    """Texts of two kinds, and their kinds."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 2, count)
    of = (["good", "fine", "fair", "kind"], ["bad", "mean", "poor", "sad"])
    texts = [" ".join([*random.choice(of[kind], 3), str(random.integers(9))]) for kind in kinds]
    return texts, [["praise", "blame"][kind] for kind in kinds]


def rows(count, seed=0):
    """Rows of numbers of two kinds, and their kinds."""
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 2, count)
    return random.normal(size=(count, 6)) + 2 * kinds[:, None], kinds
