"""Trainings, and the recipes that define them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Union

from . import _anaphora, _data
from ._errors import CallError, note
from ._files import File, spoken, written
from ._model import Model
from ._settings import KEYWORDS, Set, settings

StrPath = Union[str, "os.PathLike[str]"]
#: Is given each event of a training as a dictionary, and ends it, saved, by False.
OnEvent = Callable[[dict[str, Any]], Any]


class Recipe:
    """Everything that defines a training: task, data, model, optimisation; every field has a good default.

    Keywords are the flags of the command line, with underscores in place of dashes; `set` sets any field by its dotted path, as
    `{"training.betas": [0.8, 0.9]}`. `file` is a recipe file to start from.
    """

    def __init__(self, file: StrPath | None = None, *, set: Mapping[str, Any] | None = None, **keywords: Any) -> None:
        self._native = _anaphora.Recipe(None if file is None else os.fspath(file), settings("Recipe", keywords, set))

    @classmethod
    def of_run(cls, run: StrPath) -> Recipe:
        """The recipe of a run folder."""
        recipe = cls.__new__(cls)
        recipe._native = _anaphora.Recipe.of_run(os.fspath(run))
        return recipe

    @staticmethod
    def fields() -> dict[str, dict[str, str | None]]:
        """All fields by their dotted paths: the keyword that sets each, where there is one, what it is, and what it takes."""
        keywords = {path: keyword for keyword, path in KEYWORDS.items()}
        return {
            path: {"keyword": keywords.get(path), "meaning": meaning, "takes": takes}
            for path, _, meaning, takes in _anaphora.fields()
        }

    def to_dict(self) -> dict[str, Any]:
        """The fields that the task and the backbone read and that have a value, section by section."""
        return self._native.to_dict()

    def to_toml(self) -> str:
        """The recipe as a file, with a comment on each field: what it means and what it takes."""
        return self._native.to_toml()

    def save(self, path: StrPath) -> None:
        """Writes the recipe as a file, for `recipe=` or for `anaphora train --recipe`."""
        Path(path).write_text(self.to_toml(), encoding="utf-8")

    def __getitem__(self, field: str) -> Any:
        value: Any = self.to_dict()
        for part in field.split("."):
            value = value[part]
        return value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self._native == other._native

    def __repr__(self) -> str:
        return f"<anaphora.Recipe for {self['task']}>"


def train(
    data: Any = None,
    y: Any = None,
    *,
    out: StrPath | None = None,
    recipe: Recipe | StrPath | None = None,
    from_: StrPath | None = None,
    on_event: OnEvent | None = None,
    valid: Any = None,
    set: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> Model:
    """Trains a model, and returns it.

    `data` is the path of a file or folder; a list of texts; a list of inputs, an array `[rows, columns]` or of gray pictures
    `[pictures, height, width]`, with what is true of each in `y`; a series `[steps]` or `[steps, columns]`, paths `[paths, steps,
    coordinates]`; or a frame of pandas or polars. What is in it decides the task, unless `task` names it. `valid` is a path likewise, or
    data to validate on, with what is true of them as a pair `(data, y)`.

    The run goes to the folder `out`, or to one below `runs` that is called after the data; data that lie in no file are kept there.
    Further keywords are the flags of `anaphora train`, with underscores in place of dashes (`steps=20, hidden=32`), and `set` sets any
    field of the recipe by its dotted path. `recipe` is one to start from, `from_` a run to go on from.

    `on_event` is given each event as a dictionary, and ends the training by False; without it, notes are warnings. Ctrl-C ends it, too,
    and raises `KeyboardInterrupt`. In either case the run is saved, and `resume` goes on with it.

    Raises `CallError` for a call that is wrong, `Error` for data that cannot be read or used, a folder that is taken, and a training that
    needs more memory than there is or that diverges.
    """
    asked, data, y = settings("train", keywords, set), _data.plain(data), _data.plain(y)
    named = {field: value for _, field, value in asked}
    task = named.get("task")
    if task is not None:
        # What is no task is refused before anything is made of the data.
        _anaphora.Recipe(None, [("task", "task", task)])
    _check(on_event)
    if isinstance(data, str) and "\n" in data:
        raise CallError("data is a text of several lines, and a text is the path of a file; give a list of texts")
    lenient = named.get("data.skip_bad") == "true" or "series.fill" in named
    if y is not None and (data is None or _data.is_path(data)):
        raise TypeError("y is for data that are a list, an array or a frame; of a file it is the column label, or the file target")
    with written() as folder:
        given: list[tuple[str, str, File]] = []
        if data is not None and not _data.is_path(data):
            file = _data.write(data, y, task, folder, "data", named, lenient)
            given.append(("data", "data.train", file))
            if file.target is not None:
                given.append(("y", "data.target", file.target))
            asked = [*_fields(file, named), *((by, field, file.columns.get(field, value)) for by, field, value in asked)]
            task = task or file.task
        if valid is not None and _data.is_path(valid):
            asked.append(("valid", "data.validation", os.fspath(valid)))
        elif valid is not None:
            data_, y_ = valid if isinstance(valid, tuple) and len(valid) == 2 and not isinstance(valid[0], str) else (valid, None)
            file = _data.write(data_, y_, task, folder, "valid", named, lenient)
            file.name = f"{file.name} valid"
            given.append(("valid", "data.validation", file))
            if file.target is not None:
                file.target.name = "y of valid"
                given.append(("valid", "data.validation_target", file.target))
        files = [file for _, _, file in given]
        with spoken(files):
            run = _anaphora.train(
                os.fspath(data) if _data.is_path(data) else None,
                [(by, field, file.path, file.name) for by, field, file in given],
                _stem(data),
                recipe._native if isinstance(recipe, Recipe) else None if recipe is None else os.fspath(recipe),
                None if from_ is None else os.fspath(from_),
                asked,
                None if out is None else os.fspath(out),
                on_event if on_event is None else _heard(on_event, files),
                _heard(note, files),
            )
    return Model(run)


def resume(
    run: StrPath | Model,
    *,
    steps: int | None = None,
    epochs: float | None = None,
    minutes: float | None = None,
    on_event: OnEvent | None = None,
) -> Model:
    """Goes on with the training of a run folder, and returns its model.

    From its newest checkpoint, as if it had never been stopped: it ends with the same bits. With `steps`, `epochs` or `minutes` it goes
    on for so much more than it has done, also where it had ended.
    """
    if steps is not None and steps < 1:
        raise CallError(f"steps is {steps}; it takes a whole number from 1")
    for name, value in (("epochs", epochs), ("minutes", minutes)):
        if value is not None and not 0 < value < float("inf"):
            raise CallError(f"{name} is {value}; it takes a number above 0")
    _check(on_event)
    path = run.path if isinstance(run, Model) else Path(run)
    ended = _anaphora.run_info(path)["ended"]
    if ended is not None and (steps, epochs, minutes) == (None, None, None):
        note(f"the training of {path} had ended: {ended}; steps, epochs or minutes say how far it is to go on")
    _anaphora.resume(path, steps, epochs, minutes, on_event, note)
    return Model(path)


def _check(on_event: Any) -> None:
    if on_event is not None and not callable(on_event):
        raise TypeError(f"on_event is a {type(on_event).__name__}; a function of an event is needed")


def _fields(file: File, named: Mapping[str, str]) -> list[Set]:
    """The fields of a recipe that say how data are read, but for those that the caller names."""
    fields = {**({"task": file.task} if file.task else {}), **file.fields}
    return [(file.name, field, value) for field, value in fields.items() if field not in named]


def _stem(data: Any) -> str:
    """What a run is called that keeps its data."""
    return _data.called(data).removeprefix("the ") if data is not None else "data"


def _heard(function: Callable[[Any], Any], files: list[File]) -> Callable[[Any], Any]:
    """A function of events or of notes, in which places of files are places of the caller's data."""

    def says(text: str) -> str:
        for file in files:
            text = file.says(text)
        return text

    def hear(event: Any) -> Any:
        if isinstance(event, str):
            return function(says(event))
        if event["event"] == "note":
            event["text"] = says(event["text"])
        return function(event)

    return hear
