"""Trained models."""

from __future__ import annotations

import csv
import numbers
import os
import random
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from numpy.typing import NDArray

from . import _anaphora, _data
from ._errors import CallError, note
from ._files import File, check, spoken, written

if TYPE_CHECKING:
    from ._training import Recipe

StrPath = Union[str, "os.PathLike[str]"]
Array = NDArray[Any]

#: What a prediction says, of each task.
_SAYS = {
    "regress": "number",
    "tag": "tags",
    "translate": "translation",
    "caption": "caption",
    "memory": "sum",
}


@dataclass(frozen=True)
class Generated:
    """A piece that a model has written."""

    #: The whole piece, what it begins with included; of notes as ABC has them.
    text: str
    #: Which of the prompts it begins with, from 0.
    prompt: int
    #: Tokens that were drawn for it, frames or events of notes.
    tokens: int
    #: How often it was begun.
    attempts: int
    #: Whether it came to its end, or to a stop text, before its tokens ran out.
    ended: bool
    #: Why it is not complete; None where it is.
    incomplete: str | None
    #: The seed that gives it again; None of a search.
    seed: int | None
    #: Of a piece that was searched for, minus the mean log-probability of its tokens, in nats.
    nats_per_token: float | None = None
    #: Where `logprobs` was given: each token with its log-probability and the likeliest in its place.
    logprobs: list[dict[str, Any]] = field(default_factory=list, repr=False)
    #: Of notes, the MIDI file that they were written as.
    notes: bytes | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return self.text

    def midi(self) -> bytes:
        """The piece as a MIDI file."""
        return _anaphora.convert(self.text, "mid") if self.notes is None else self.notes

    def wav(self) -> bytes:
        """The piece as sound, played by the built-in instruments."""
        return _anaphora.convert(self.text if self.notes is None else self.notes, "wav")

    def save(self, path: StrPath) -> None:
        """Writes the piece: as MIDI (`.mid`), as sound (`.wav`), or as text."""
        path = Path(path)
        forms = {".mid": self.midi, ".midi": self.midi, ".wav": self.wav}
        path.write_bytes(forms.get(path.suffix, self.text.encode)())


@dataclass(frozen=True)
class Scored:
    """How likely a model finds a text, token by token."""

    #: The tokens' names.
    tokens: list[str]
    #: Their numbers, `[tokens]`.
    ids: Array
    #: Their log-probabilities behind those before them, in nats, `[tokens]`; the first stands behind the end of another piece.
    logprobs: Array

    @property
    def logprob(self) -> float:
        """The log-probability of the whole text."""
        return float(self.logprobs.sum())


class Inspection(dict[str, Array]):
    """What happened inside a model while it read an input: arrays by their names, `gates.l0.f [steps, units]` and the like."""

    def __init__(self, native: _anaphora.Inspection) -> None:
        arrays, rest = native.arrays(), native.rest()
        super().__init__({name: values for name, (values, _, _) in arrays.items()})
        self._native = native
        #: The names of each array's axes.
        self.axes: dict[str, list[str]] = {name: axes for name, (_, axes, _) in arrays.items()}
        #: What the numbers of each are.
        self.descriptions: dict[str, str] = {name: description for name, (_, _, description) in arrays.items()}
        #: What was inspected: the run, its task, what its steps are called.
        self.about: dict[str, Any] = rest["about"]
        #: The names of the places of an axis; of one that is not here they are its numbers.
        self.labels: dict[str, list[str]] = rest["labels"]
        #: What is to be said of the input.
        self.notes: list[str] = rest["notes"]
        #: The views that there is nothing to show in, and why.
        self.not_shown: dict[str, str] = rest["not_shown"]

    def page(self) -> str:
        """The page that shows it, one file of HTML that loads nothing."""
        return self._native.page()

    def save(self, path: StrPath) -> None:
        """Writes the page (`.html`), or the arrays as tensors (`.safetensors`)."""
        path = Path(path)
        if path.suffix == ".html":
            path.write_text(self.page(), encoding="utf-8")
        elif path.suffix == ".safetensors":
            self._native.write(path)
        else:
            raise CallError(f"{path}: the name of a page ends in .html, that of tensors in .safetensors")

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(values.shape)}" for name, values in self.items())
        return f"<anaphora.Inspection of {self.about.get('run')}: {shapes}>"


class Model:
    """The best model of a run. Several threads may use it at once."""

    def __init__(self, run: StrPath, *, threads: int = 0, precision: str | None = None) -> None:
        if not 0 <= threads <= 1_024:
            raise CallError(f"threads is {threads}; it takes a whole number from 0 to 1024")
        #: The run folder.
        self.path = Path(run)
        self._threads, self._precision = threads, precision
        self._lock = threading.Lock()
        self._opened: _anaphora.Model | None = None
        self._task: str | None = None

    @property
    def _native(self) -> _anaphora.Model:
        with self._lock:
            if self._opened is None:
                self._opened = _anaphora.Model(self.path, self._threads, self._precision, note)
            return self._opened

    @property
    def info(self) -> dict[str, Any]:
        """What the run says of itself: task, steps, best score, why its training ended."""
        return _anaphora.run_info(self.path)

    @property
    def task(self) -> str:
        """What it has learnt: 'text', 'classify', 'forecast' …"""
        if self._task is None:
            self._task = str(self.info["task"])
        return self._task

    @property
    def recipe(self) -> Recipe:
        """How it was trained."""
        from ._training import Recipe

        return Recipe.of_run(self.path)

    @property
    def classes_(self) -> Array:
        """The classes, or tags, that it tells apart, in the order of `predict_proba`; whole numbers where all are such."""
        labels = self._native.outputs() if self.task in ("classify", "tag") else []
        if not labels:
            raise CallError(f"{self.path} is a model for the task {self.task}, which tells no classes apart")
        return np.asarray(sorted(_typed(labels)[0].values()))

    def predictions(
        self,
        inputs: Any = None,
        *,
        beams: int | None = None,
        length_penalty: float | None = None,
        n_best: int | None = None,
        no_repeat_ngram: int | None = None,
        replace_unknown: bool = False,
    ) -> list[dict[str, Any]]:
        """All there is to know of each prediction, as `anaphora predict --json` prints it.

        Inputs are those of `predict`. The keywords are of models that write sequences, as in translation.
        """
        search = (beams, length_penalty, n_best, no_repeat_ngram, replace_unknown)
        native = self._native
        with written() as folder:
            given, files, lines = self._inputs(native, inputs, folder)
            named = [(file.path, file.name) for file in files]
            with spoken([*files, lines]):
                return native.predict(given, named, lines.name, search)

    def predict(self, inputs: Any = None, **search: Any) -> Any:
        """What the model says of each input.

        Inputs are a text, a list or column of texts, rows of numbers `[rows, columns]`, gray pictures `[pictures, height, width]`, a series
        `[steps, columns]`, or paths `[paths, steps, coordinates]`, each as it was learnt from; or a path as a `pathlib.Path`, or as a text
        where the model reads files. A model that forecasts goes on with the series that it learnt from where there is none.

        Returns classes `[inputs]` (of several labels each a list of lists), numbers `[inputs]`, forecasts `[horizon, columns]` or `[paths,
        horizon, coordinates]`; of tags, translations and captions a list.
        """
        made = self.predictions(inputs, **search)
        if self.task == "classify":
            typed, _ = _typed(self._native.outputs())
            if made and "labels" in made[0]:
                return [[typed[label] for label in prediction["labels"] or ()] for prediction in made]
            said = [typed.get(prediction["label"]) for prediction in made]
            # Nothing is said of an empty line of a file.
            return np.asarray(said, dtype=object if None in said else self.classes_.dtype)
        if self.task in ("forecast", "trajectory"):
            columns = self._native.outputs()
            forecasts = np.asarray([[[step[name] for name in columns] for step in one["forecast"]] for one in made])
            return forecasts[0] if self.task == "forecast" and len(forecasts) == 1 else forecasts
        key = _SAYS[self.task]
        if made and key not in made[0]:
            key = "said"
        said = [prediction[key] for prediction in made]
        return np.asarray(said, dtype=np.float64) if key in ("number", "sum") else said

    def predict_proba(self, inputs: Any) -> Array:
        """The probability of each class, `[inputs, classes]`, in the order of `classes_`."""
        if self.task != "classify":
            raise CallError(f"{self.path} is a model for the task {self.task}; predict_proba is of models that classify")
        typed, names = _typed(self._native.outputs())
        order = [names[label] for label in sorted(typed.values())]
        made = self.predictions(inputs)
        rows = [[(one["probabilities"] or {}).get(name, np.nan) for name in order] for one in made]
        return np.asarray(rows, dtype=np.float64).reshape(len(rows), len(order))

    def generate(
        self,
        prompt: StrPath | Sequence[str] | None = None,
        *,
        count: int = 1,
        tokens: int | None = None,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        no_repeat_ngram: int = 0,
        beams: int | None = None,
        length_penalty: float = 1.0,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        retry: int = 0,
        logprobs: int | None = None,
        key: str | None = None,
        meter: str | None = None,
    ) -> list[Generated]:
        """Writes pieces: `count` for each prompt, side by side.

        They are drawn, or with `beams` the likeliest are searched for. Without a `seed` they are others each time; each piece says its own.
        A piece is broken off after so many `tokens`, 2,000 where left out. Of tunes, `key` and `meter` are what they shall have, and
        `retry` is how often one that is not complete is written anew.

        A model of notes goes on from a MIDI file, and is broken off after 64 frames of chords or 1,000 events.
        """
        asked = self._asked(locals())
        if self.task in ("chorales", "events"):
            return self._composed(asked)
        seed = asked["seed"] if beams is None else None
        return [Generated(seed=seed, **piece) for piece in _anaphora.generate(self._native, asked, note)]

    def stream(
        self,
        prompt: str | None = None,
        *,
        tokens: int | None = None,
        temperature: float = 0.8,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        repetition_penalty: float = 1.0,
        no_repeat_ngram: int = 0,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        key: str | None = None,
        meter: str | None = None,
    ) -> Iterator[str]:
        """Writes a piece, and gives its parts as they come, the prompt first: together the text that `generate` gives for the same seed."""
        if prompt is not None and not isinstance(prompt, str):
            raise TypeError(f"prompt is a {type(prompt).__name__}; a text is needed")
        return _anaphora.stream(self._native, self._asked({**(Model.generate.__kwdefaults__ or {}), **locals()}))

    def _asked(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Options of writing as the library takes them."""
        asked = {name: options[name] for name in Model.generate.__kwdefaults__ or {}}
        prompt, stop, asked["log_probabilities"] = options["prompt"], asked["stop"], asked.pop("logprobs")
        if prompt is None:
            # A tune begins with its number, which is left to the model.
            prompt = "X:" if self.task == "music" else ""
        if isinstance(prompt, os.PathLike) and self.task not in ("chorales", "events"):
            raise TypeError("prompt is a path; a text, or a list of texts, is needed")
        asked["prime"] = os.fspath(prompt) if isinstance(prompt, os.PathLike) else None
        asked["prompts"] = [prompt] if isinstance(prompt, str) else [] if asked["prime"] else _data.values(prompt, "prompt")
        odd = next((text for text in asked["prompts"] if not isinstance(text, str)), None)
        if odd is not None:
            raise TypeError(f"prompt has a {type(odd).__name__} in it; texts are needed")
        asked["stop"] = [stop] if isinstance(stop, str) else list(stop)
        limits = (("count", 1, 10_000), ("tokens", 1, 10**9), ("retry", 0, 1_000), ("logprobs", 0, 20), ("beams", 1, 1_024), ("seed", 0, 2**64 - 1))
        for name, least, most in (*limits, ("top_k", 0, 10**9), ("no_repeat_ngram", 0, 10**9)):
            value = options[name]
            if value is not None and not least <= value <= most:
                raise CallError(f"{name} is {value}; it takes a whole number from {least} to {most}")
        pieces = asked["count"] * max(len(asked["prompts"]), asked["prime"] is not None)
        if not 1 <= pieces <= 10_000:
            raise CallError(f"{pieces} pieces are asked for; from 1 to 10,000 are written side by side")
        if asked["beams"] is not None and asked["beams"] < asked["count"]:
            raise CallError(f"count is {asked['count']} and beams {asked['beams']}; a search finds at most one a beam")
        if asked["tokens"] is None:
            asked["tokens"] = {"chorales": 64, "events": 1_000}.get(self.task, 2_000)
        if asked["seed"] is None:
            asked["seed"] = random.SystemRandom().randrange(1_000_000)
        return asked

    def _composed(self, asked: dict[str, Any]) -> list[Generated]:
        """Pieces of notes."""
        defaults = Model.generate.__kwdefaults__ or {}
        for name in ("beams", "length_penalty", "retry", "key", "meter"):
            if asked[name] != defaults[name]:
                raise CallError(f"{name} is for texts and tunes, and {self.path} writes notes; leave it out")
        if asked["stop"] or asked["log_probabilities"] is not None or asked["prompts"] not in ([], [""]):
            raise CallError(f"{self.path} writes notes; prompt takes the path of a MIDI file, and stop and logprobs nothing")
        return [
            Generated(
                text=_anaphora.convert(notes, "abc").decode(),
                prompt=0,
                tokens=units,
                attempts=1,
                ended=ended,
                incomplete=None if ended else "it did not come to its end",
                seed=asked["seed"],
                notes=notes,
            )
            for notes, units, ended in _anaphora.compose(self._native, asked)
        ]

    def score(self, texts: str | Sequence[str], *, ended: bool = False) -> list[Scored]:
        """How likely each token of each text is behind those before it; where `ended`, the end of the piece too."""
        given = [texts] if isinstance(texts, str) else _data.values(texts, "texts")
        odd = next((text for text in given if not isinstance(text, str)), None)
        if odd is not None:
            raise TypeError(f"texts has a {type(odd).__name__} in it; texts are needed")
        return [
            Scored(tokens=names, ids=np.asarray(ids, dtype=np.uint32), logprobs=np.asarray(logprobs))
            for ids, names, logprobs in self._native.choices(given, ended)
        ]

    def evaluate(
        self,
        data: Any = None,
        y: Any = None,
        *,
        split: str = "validation",
        beams: int | None = None,
        length_penalty: float | None = None,
        no_repeat_ngram: int | None = None,
        replace_unknown: bool = False,
    ) -> dict[str, Any]:
        """Scores of the model by their names, as `anaphora evaluate --json` prints them.

        On what the training held out; with `split='test'` on what it kept for a test; or on `data`, a path or what `train` takes, with what
        is true of them in `y` (of a path, of a file of translations). The other keywords are of models that write sequences.
        """
        if split not in ("validation", "test"):
            raise CallError(f"split is {split!r}; it takes 'validation' or 'test'")
        if data is not None and split == "test":
            raise CallError("split is 'test', and data are given; leave one of them out")
        search = (beams, length_penalty, None, no_repeat_ngram, replace_unknown)
        native = self._native
        with written() as folder:
            given, files = self._truths(data, y, folder)
            named = [(file.path, file.name) for file in files]
            with spoken(files):
                return native.evaluate(given, named, split == "test", search)

    def inspect(
        self,
        input: Any = None,
        *,
        data: Any = None,
        y: Any = None,
        index: int = 0,
        show: str | Sequence[str] | None = None,
        threads: int = 0,
    ) -> Inspection:
        """What happens inside the model while it reads an input: arrays by their names, as `docs/inspect.md` lists them.

        The input is a text, a sentence's words, a row of numbers or a gray picture `[height, width]`; or the one of number `index` in `data`
        (a path, or what `train` takes), or else in what the training held out.
        `show` names views, as 'gates' and 'attention'; without it all are made that apply and are quick.
        """
        if input is not None and data is not None:
            raise CallError("input and data are both given; leave one of them out")
        if not isinstance(index, int) or index < 0:
            raise CallError(f"index is {index}; it takes a whole number from 0")
        if not 0 <= threads <= 1_024:
            raise CallError(f"threads is {threads}; it takes a whole number from 0 to 1024")
        text = None
        views = show.split(",") if isinstance(show, str) else None if show is None else list(show)
        with written() as folder:
            given, files = self._truths(data, y, folder)
            if isinstance(input, str):
                text = input
            elif isinstance(input, np.ndarray) and input.ndim == 2 and input.dtype == np.uint8:
                files = [self._pictures(input[None], folder)]
                given = (os.fspath(files[0].path), None)
            elif input is not None:
                text = self._row("the input", 0, _data.values(input, "input"))
            named = [(file.path, file.name) for file in files]
            with spoken(files):
                return Inspection(_anaphora.inspect(self.path, text, given, named, index, views, threads))

    def export(self, out: StrPath | None = None, *, to: str = "onnx", equal_lengths: bool = False, overwrite: bool = False) -> list[Path]:
        """Writes the model for other programs, and returns the paths; see `anaphora.export`."""
        return export(self, out, to=to, equal_lengths=equal_lengths, overwrite=overwrite)

    def __repr__(self) -> str:
        return f"<anaphora.Model of {self.path}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (os.fspath(self.path.absolute()), self._threads, self._precision)

    def _inputs(self, native: _anaphora.Model, inputs: Any, folder: Path) -> tuple[list[tuple[bool, str, int | None]], list[File], File]:
        """Inputs as the library takes them, the files that were made of them, and the list that lines stand in."""
        inputs = _data.plain(inputs)
        lines = File(_data.called(inputs), folder)
        if inputs is None:
            if not native.continues():
                raise TypeError(f"inputs is missing; {self._reads()} are needed")
            return [], [], lines
        if isinstance(inputs, os.PathLike):
            return [(True, os.fspath(inputs), None)], [], lines
        if isinstance(inputs, str):
            if native.reads_text():
                check("the text", 0, inputs)
            return [(not native.reads_text(), inputs, None)], [], lines
        if self.task in ("forecast", "trajectory"):
            if isinstance(inputs, (list, tuple)) and inputs and all(_data.is_path(item) for item in inputs):
                return [(True, os.fspath(item), None) for item in inputs], [], lines
            if self.task == "trajectory" and isinstance(inputs, np.ndarray) and inputs.ndim == 2:
                inputs = inputs[None]
            file = self._written(inputs, None, folder)
            return [(True, os.fspath(file.path), None)], [file], lines
        if isinstance(inputs, np.ndarray) and inputs.ndim >= 3:
            file = self._pictures(inputs, folder)
            return [(True, os.fspath(file.path), None)], [file], lines
        texts = self._texts(inputs)
        is_text = native.reads_text()
        given: list[tuple[bool, str, int | None]] = []
        for number, item in enumerate(texts):
            if isinstance(item, os.PathLike) or isinstance(item, str) and not is_text:
                given.append((True, os.fspath(item), None))
                continue
            if isinstance(item, (list, tuple, np.ndarray)):
                item = self._row(lines.name, number, item)
            if not isinstance(item, str):
                raise TypeError(f"{lines.name} has a {type(item).__name__} at {number}; {self._reads()} are needed")
            check(lines.name, number, item)
            given.append((False, item, number + 1))
        return given, [], lines

    def _pictures(self, pictures: Array, folder: Path) -> File:
        file = File("the array", folder / "pictures-idx3-ubyte")
        file.path.write_bytes(_data.idx(pictures))
        return file

    def _texts(self, inputs: Any) -> list[Any]:
        """The inputs of a list, a column, an array of rows or a frame."""
        if not _data.is_frame(inputs):
            return _data.values(inputs, "inputs")
        columns = _data.columns_of(inputs)
        text = self.recipe.to_dict()["data"].get("text_column")
        if text in columns:
            return columns[text]
        if len(columns) == 1 and all(isinstance(cell, str) for cell in next(iter(columns.values()))):
            return next(iter(columns.values()))
        words = next((name for name, cells in columns.items() if any(isinstance(cell, str) for cell in cells)), None)
        if words is not None:
            wanted = f"column '{text}'" if text else "column of texts alone"
            raise CallError(f"the frame has the columns {', '.join(columns)}; the {wanted} is needed, as frame['{text or words}']")
        learnt = self._columns()
        missing = next((name for name in learnt or [] if name not in columns), None)
        if learnt and missing is not None:
            raise CallError(f"the frame has no column '{missing}'; the model reads {', '.join(learnt)}")
        odd = next((name for name in columns if learnt and name not in (*learnt, self._label())), None)
        if odd is not None:
            raise CallError(f"the frame has a column '{odd}' more; the model reads {', '.join(learnt or [])}")
        return [list(row) for row in zip(*(columns[name] for name in learnt or columns))]

    def _label(self) -> str:
        """The column of what is true, in a table that was learnt from."""
        return str(self.recipe.to_dict()["data"].get("label_column") or "label")

    def _columns(self) -> list[str] | None:
        """The columns that rows of numbers were learnt from, where the run keeps its data."""
        kept = self.path / "data" / "data.csv"
        if not kept.exists():
            return None
        with open(kept, newline="", encoding="utf-8") as file:
            return [name for name in next(csv.reader(file), []) if name != self._label()]

    def _row(self, name: str, number: int, row: Any) -> str:
        """The words of a sentence, or the numbers of a row, as a line."""
        cells = row.tolist() if isinstance(row, np.ndarray) else list(row)
        if all(isinstance(cell, str) for cell in cells):
            if any(not cell or cell.split() != [cell] for cell in cells):
                raise CallError(f"{name}, item {number}: a word has white space in it, or is none")
            return " ".join(cells)
        for column, cell in enumerate(cells):
            if not isinstance(cell, numbers.Real) or isinstance(cell, bool):
                raise TypeError(f"{name} has a {type(cell).__name__} at [{number}, {column}]; a number is needed")
            if cell != cell or abs(cell) == float("inf"):
                raise CallError(f"{name} has {cell} at [{number}, {column}]; a finite number is needed")
        return " ".join(repr(float(cell)) for cell in cells)

    def _reads(self) -> str:
        return "paths" if not self._native.reads_text() else "texts or rows of numbers"

    def _truths(self, data: Any, y: Any, folder: Path) -> tuple[tuple[str, str | None] | None, list[File]]:
        """Data to score on, or to look at, and the files that were made of them."""
        if data is None:
            return None, []
        data, y = _data.plain(data), _data.plain(y)
        if _data.is_path(data):
            return (os.fspath(data), None if y is None else os.fspath(y)), []
        file = self._written(data, y, folder)
        return (os.fspath(file.path), None if file.target is None else os.fspath(file.target.path)), list(file.all())

    def _written(self, data: Any, y: Any, folder: Path) -> File:
        recipe = self.recipe.to_dict()
        named = {f"{section}.{name}": str(value) for section, fields in recipe.items() if isinstance(fields, dict) for name, value in fields.items()}
        return _data.write(data, y, self.task, folder, "data", named, recipe["data"].get("skip_bad", False) or "fill" in recipe.get("series", {}))


def load(run: StrPath, *, threads: int = 0, precision: str | None = None) -> Model:
    """The best model of a run folder.

    `threads` are those to compute with, 0 for one a core; `precision` is 'auto', 'f32', 'bf16' or 'int8', that of the training where left out.
    """
    model = Model(run, threads=threads, precision=precision)
    _ = model.task, model._native
    return model


def export(
    model: Model | StrPath, out: StrPath | None = None, *, to: str = "onnx", equal_lengths: bool = False, overwrite: bool = False
) -> list[Path]:
    """Writes a model, or that of a run folder, for other programs, and returns the paths of what was written.

    `to='onnx'` writes a graph, `model.onnx` in the run's folder where no file is named; of models that translate or caption two. With
    `equal_lengths` sequences of a batch are equally long, for runtimes that take no lengths. `to='huggingface'` writes a new folder, of
    models with GPT-2's shape.
    """
    run = model.path if isinstance(model, Model) else Path(model)
    if to == "huggingface":
        if equal_lengths or overwrite:
            raise CallError("equal_lengths and overwrite are for 'onnx', and 'huggingface' writes a new folder")
        folder = run / "huggingface" if out is None else Path(out)
        _anaphora.to_huggingface(run, folder)
        return [folder]
    if to != "onnx":
        raise CallError(f"to is {to!r}; it takes 'onnx' or 'huggingface'")
    path = run / "model.onnx" if out is None else Path(out)
    if path.suffix != ".onnx" or not path.parent.is_dir() and run.is_dir():
        raise CallError(f"out is {path}; a name that ends in .onnx, in a folder that is there, is needed")
    # What is in the run's own folder is the program's.
    return [Path(file) for file in _anaphora.to_onnx(run, path, equal_lengths, overwrite or out is None)]


def _again(run: str, threads: int, precision: str | None) -> Model:
    return Model(run, threads=threads, precision=precision)


def _typed(labels: list[str]) -> tuple[dict[str, Any], dict[Any, str]]:
    """Labels as what they say, whole numbers, truths or texts; and the other way round."""
    kinds: dict[str, Any] = {}
    for label in labels:
        if label in ("True", "False") and len(labels) == 2:
            kinds[label] = label == "True"
        elif re.fullmatch(r"0|-?[1-9][0-9]*", label):
            kinds[label] = int(label)
    if len({type(kind) for kind in kinds.values()}) != 1 or len(kinds) < len(labels):
        kinds = {label: label for label in labels}
    return kinds, {kind: label for label, kind in kinds.items()}
