"""Lists, arrays and frames as files that a task reads; messages call them by what they are."""

from __future__ import annotations

import datetime
import itertools
import math
import numbers
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import CallError
from ._files import File, cell, check, is_missing, put, table

Array = NDArray[Any]

#: Tasks that learn from tables, and how those are written here.
_TABLE = {"data.layout": "comma", "data.decimal": "point"}
#: Between two texts of a file.
_SEPARATOR = "<|endoftext|>"
#: Tasks that continue texts.
CONTINUE = ("text", "music", "auto")


def plain(data: Any) -> Any:
    """Data as an array where they can be one and are of another library, as a tensor."""
    if isinstance(data, np.ndarray) and data.dtype.kind == "c":
        raise TypeError(f"the array is of {data.dtype}; real numbers are needed")
    if data is None or isinstance(data, np.ndarray) or is_path(data) or is_frame(data) or is_series(data):
        return data
    return np.asarray(data) if hasattr(data, "__array__") else data


def is_path(data: Any) -> bool:
    """Whether data are named and not given."""
    return isinstance(data, (str, os.PathLike))


def is_frame(data: Any) -> bool:
    """Whether it is a frame of pandas or polars."""
    return hasattr(data, "columns") and (hasattr(data, "to_csv") or hasattr(data, "write_csv"))


def is_series(data: Any) -> bool:
    """Whether it is one column of such a frame."""
    return not is_frame(data) and hasattr(data, "to_list") and hasattr(data, "dtype")


def called(data: Any) -> str:
    """What messages call it."""
    if is_frame(data):
        return "the frame"
    if is_series(data):
        return "the column"
    return "the array" if isinstance(data, np.ndarray) else "the list"


def values(data: Any, what: str) -> list[Any]:
    """The values of a list, a column or an array along its first axis."""
    if is_series(data):
        return list(data.to_list())
    if isinstance(data, np.ndarray):
        return list(data.tolist()) if data.ndim else [data.item()]
    if isinstance(data, (list, tuple)):
        return list(data)
    if isinstance(data, (str, bytes, dict)) or not hasattr(data, "__iter__"):
        raise TypeError(f"{what} is a {type(data).__name__}; a list, an array or a frame is needed")
    return list(data)


def write(
    data: Any, y: Any, task: str | None, folder: Path, stem: str, named: dict[str, str], lenient: bool
) -> File:
    """Writes data, and what is true of them, for a task, or for the one that they look made for.

    `named` are columns that the caller names, by the recipe's field; `lenient` says that cells may be empty.
    """
    if is_frame(data):
        return _frame(data, y, task, folder, stem, named, lenient)
    if y is not None:
        return _labelled(data, y, task, folder, stem, named, lenient)
    if task == "tag":
        raise CallError(f"{called(data)} has words and no tags; y takes a list of tags for each sentence")
    if isinstance(data, np.ndarray) and data.dtype.kind in "fiub" and task not in CONTINUE or is_series(data) and _is_numeric(data):
        return _series(data, task, folder, stem, lenient)
    all_values = values(data, "data")
    if not all_values:
        raise CallError(f"{called(data)} is empty; something to learn from is needed")
    if all(isinstance(value, str) for value in all_values):
        return _texts(data, all_values, task, folder, stem)
    if all(isinstance(value, tuple) and len(value) == 2 for value in all_values):
        return write([a for a, _ in all_values], [b for _, b in all_values], task, folder, stem, named, lenient)
    if all(isinstance(value, numbers.Real) and not isinstance(value, bool) for value in all_values):
        return _series(np.asarray(all_values, dtype=np.float64), task, folder, stem, lenient)
    kind = type(next(value for value in all_values if not isinstance(value, str))).__name__
    raise TypeError(f"{called(data)} has a {kind} in it; texts, pairs of a text and what is true of it, or numbers are needed")


def _is_numeric(series: Any) -> bool:
    return all(isinstance(value, numbers.Real) or value is None for value in series.to_list())


def _texts(data: Any, texts: list[str], task: str | None, folder: Path, stem: str) -> File:
    name = called(data)
    for number, text in enumerate(texts):
        check(name, number, text)
    tunes = task == "music" or task in (None, "auto") and texts[0].lstrip().startswith("X:")
    if task not in (None, *CONTINUE):
        raise CallError(f"{name} has texts alone, and task is {task}; y takes what is true of each")
    if tunes:
        texts, between = [text.strip("\n") for text in texts], "\n\n"
    else:
        inside = next((number for number, text in enumerate(texts) if _SEPARATOR in text.splitlines()), None)
        if inside is not None:
            raise CallError(f"{name}, item {inside}: the line {_SEPARATOR} parts texts; give the parts as items")
        between = f"\n{_SEPARATOR}\n"
    lines = itertools.accumulate((text.count("\n") + between.count("\n") for text in texts), initial=1)
    file = File(name, folder / f"{stem}.{'abc' if tunes else 'txt'}", "item", list(lines)[:-1])
    put(file, between.join(texts) + "\n")
    file.task = task or ("music" if tunes else "text")
    return file


def _series(data: Any, task: str | None, folder: Path, stem: str, lenient: bool) -> File:
    name = called(data)
    array = np.asarray(data.to_list() if is_series(data) else data, dtype=np.float64)
    if array.ndim not in (1, 2, 3) or array.size == 0:
        raise CallError(
            f"{name} has the shape {list(array.shape)}; [steps], [steps, columns] or, of many paths, [paths, steps, coordinates] is needed"
        )
    paths = array.ndim == 3
    if task is None:
        task = "trajectory" if paths else "forecast"
    elif task not in ("forecast", "trajectory"):
        raise CallError(f"{name} has numbers alone, and task is {task}; y takes what is true of each row")
    if paths != (task == "trajectory"):
        shape = "[paths, steps, coordinates]" if task == "trajectory" else "[steps] or [steps, columns]"
        raise CallError(f"{name} has the shape {list(array.shape)}, and task is {task}; {shape} is needed")
    lenient = lenient and not paths
    _finite(name, array, lenient)
    columns = array.reshape(len(array), -1) if not paths else array.reshape(-1, array.shape[2])
    heads = [f"x{number}" for number in range(columns.shape[1])]
    rows: list[list[Any]] = columns.tolist()
    if paths:
        heads = ["path", *heads]
        rows = [[number // array.shape[1], *row] for number, row in enumerate(rows)]
    file = table(name, folder, stem, heads, rows)
    file.task, file.fields = task, dict(_TABLE)
    return file


def _finite(name: str, array: Array, lenient: bool = False) -> None:
    """Refuses what is no number, but for numbers that are missing where that is allowed."""
    wrong = np.isinf(array) if lenient else ~np.isfinite(array)
    if wrong.any():
        at = [int(place) for place in np.argwhere(wrong)[0]]
        place = f"row {at[0]}" if array.ndim == 1 else f"[{', '.join(map(str, at))}]"
        raise CallError(f"{name} has {array[tuple(at)]} at {place}; a finite number is needed")


def _labelled(
    data: Any, y: Any, task: str | None, folder: Path, stem: str, named: dict[str, str], lenient: bool
) -> File:
    name = called(data)
    truths = values(y, "y")
    if isinstance(data, np.ndarray) and data.ndim >= 3:
        return _pictures(data, truths, task, folder, stem)
    inputs = values(data, "data")
    if len(inputs) != len(truths):
        raise CallError(f"{name} has {len(inputs)} items and y has {len(truths)}; one for each is needed")
    if not inputs:
        raise CallError(f"{name} is empty; something to learn from is needed")
    if task == "translate":
        return _pairs(name, inputs, truths, folder, stem)
    words = all(isinstance(item, (list, tuple)) and all(isinstance(word, str) for word in item) for item in inputs)
    if task == "tag" or task is None and words and all(isinstance(tags, (list, tuple)) for tags in truths):
        return _tagged(name, inputs, truths, folder, stem)
    label, text = named.get("data.label_column", "label"), named.get("data.text_column", "text")
    fields = {**_TABLE, "data.label_column": label}
    task, cells, more = _truths(truths, task)
    if all(isinstance(item, str) for item in inputs):
        for number, item in enumerate(inputs):
            check(name, number, item, lenient)
        file = table(name, folder, stem, [text, label], zip(inputs, cells), "item")
        fields |= {"data.input": "text", "data.text_column": text}
    else:
        array = _rows(name, data, inputs)
        heads = [*(f"x{number}" for number in range(array.shape[1])), label]
        file = table(name, folder, stem, heads, ([*row, cell] for row, cell in zip(array.tolist(), cells)))
        fields |= {"data.input": "numbers"}
    file.task, file.fields = task, {**fields, **more}
    return file


def _rows(name: str, data: Any, inputs: list[Any]) -> Array:
    """Rows of numbers, `[rows, columns]`."""
    try:
        array = np.asarray(data if isinstance(data, np.ndarray) else inputs, dtype=np.float64)
    except (TypeError, ValueError):
        cells = itertools.chain.from_iterable(item if isinstance(item, (list, tuple)) else [item] for item in inputs)
        odd = next((cell for cell in cells if not isinstance(cell, (numbers.Real, np.ndarray))), None)
        kinds = "rows of different lengths" if odd is None else f"a {type(odd).__name__}"
        raise TypeError(f"{name} has {kinds} in it; texts, or rows of as many numbers each, are needed") from None
    if array.ndim == 1:
        raise CallError(f"{name} has the shape {list(array.shape)}; rows of numbers, [rows, columns], are needed")
    if array.ndim != 2:
        raise CallError(f"{name} has the shape {list(array.shape)}; [rows, columns] is needed")
    _finite(name, array)
    return array


def _truths(truths: list[Any], task: str | None) -> tuple[str, list[str], dict[str, str]]:
    """The task, the cells of what is true, and further fields."""
    for number, truth in enumerate(truths):
        is_nothing = isinstance(truth, (str, list, tuple, set, frozenset)) and not (truth.strip() if isinstance(truth, str) else truth)
        if is_nothing or is_missing(truth) or isinstance(truth, float) and math.isinf(truth):
            raise CallError(f"y has {truth!r} at {number}; each needs a label or a finite number")
    if any(isinstance(truth, (list, tuple, set, frozenset)) for truth in truths):
        if not all(isinstance(truth, (list, tuple, set, frozenset)) for truth in truths):
            raise CallError("y has lists of labels for some and a label for others; a list for each is needed")
        several = [[str(label) for label in (sorted(truth) if isinstance(truth, (set, frozenset)) else truth)] for truth in truths]
        if any("|" in label for labels in several for label in labels):
            raise CallError("a label in y has | in it, which parts labels in the run's data; leave it out")
        return task or "classify", ["|".join(labels) for labels in several], {"data.label_separator": "|"}
    is_number = all(isinstance(truth, float) for truth in truths)
    task = task or ("regress" if is_number else "classify")
    if task == "regress" and not all(isinstance(truth, numbers.Real) for truth in truths):
        odd = next(truth for truth in truths if not isinstance(truth, numbers.Real))
        raise CallError(f"y has {odd!r} in it, and task is regress; numbers are needed")
    return task, [cell(truth) for truth in truths], {}


def _pairs(name: str, sources: list[Any], targets: list[Any], folder: Path, stem: str) -> File:
    files = []
    for called_, texts, end in ((name, sources, "source"), ("y", targets, "target")):
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"{called_} has a {type(text).__name__} at {number}; a text is needed")
            check(called_, number, text)
            if len(text.splitlines()) > 1:
                raise CallError(f"{called_}, item {number}: a sentence in one line is needed, {text!r} is none")
        file = File(called_, folder / f"{stem}.{end}.txt")
        put(file, "".join(f"{text.strip()}\n" for text in texts))
        files.append(file)
    files[0].target, files[0].task = files[1], "translate"
    return files[0]


def _tagged(name: str, sentences: list[Any], tags: list[Any], folder: Path, stem: str) -> File:
    lines: list[str] = []
    starts = []
    for number, (words, of_words) in enumerate(zip(sentences, tags)):
        starts.append(len(lines) + 1)
        words = words.split() if isinstance(words, str) else words
        of_words = of_words.split() if isinstance(of_words, str) else of_words
        if len(words) != len(of_words) or not words:
            raise CallError(f"{name}, item {number}: there are {len(words)} words and {len(of_words)} tags; one for each word is needed")
        for word in (*words, *of_words):
            if not isinstance(word, str) or not word or re.search(r"[\t\r\n]", word):
                raise CallError(f"{name}, item {number}: {word!r} is no word and no tag; a text in one line is needed")
        lines += [f"{word}\t{tag}\n" for word, tag in zip(words, of_words)] + ["\n"]
    file = File(name, folder / f"{stem}.conll", "item", starts)
    put(file, "".join(lines))
    file.task = "tag"
    return file


def _pictures(data: Array, labels: list[Any], task: str | None, folder: Path, stem: str) -> File:
    if len(data) != len(labels):
        raise CallError(f"the array has {len(data)} pictures and y has {len(labels)} labels; one for each is needed")
    if not all(isinstance(label, int) and 0 <= label < 256 for label in labels):
        raise CallError("y has labels beside whole numbers from 0 to 255; pictures in an array take those, pictures in folders any name")
    place = folder / stem
    place.mkdir()
    (place / "train-images-idx3-ubyte").write_bytes(idx(data))
    (place / "train-labels-idx1-ubyte").write_bytes(_idx(np.asarray(labels, dtype=np.uint8)))
    file = File("the array", place)
    file.task = task or "classify"
    return file


def idx(data: Array) -> bytes:
    """Gray pictures `[pictures, height, width]` as an IDX file."""
    if data.ndim != 3 or data.dtype != np.uint8:
        raise CallError(
            f"the array is of {data.dtype} and has the shape {list(data.shape)}; gray pictures of uint8, [pictures, height, width], are needed"
        )
    return _idx(data)


def _idx(data: Array) -> bytes:
    header = bytes([0, 0, 8, data.ndim]) + b"".join(size.to_bytes(4, "big") for size in data.shape)
    return header + np.ascontiguousarray(data).tobytes()


def _frame(
    frame: Any, y: Any, task: str | None, folder: Path, stem: str, named: dict[str, str], lenient: bool
) -> File:
    columns = columns_of(frame)
    if y is not None:
        truths = values(y, "y")
        label = getattr(y, "name", None) or named.get("data.label_column", "label")
        if label in columns:
            raise CallError(f"the frame has a column '{label}' already; leave it out of the frame, or leave y out")
        rows = len(next(iter(columns.values()), []))
        if len(truths) != rows:
            raise CallError(f"the frame has {rows} rows and y has {len(truths)}; one for each is needed")
        task, cells, fields = _truths(truths, task)
        columns[str(label)] = cells
        named = {**named, "data.label_column": str(label)}
    else:
        fields = {}
    fields_of_columns = ("data.label_column", "data.text_column", "series.date_column", "series.path_column", "series.columns")
    spelt = {field: ",".join(_found(columns, named[field])) for field in fields_of_columns if field in named}
    named = {**named, **spelt}
    if not columns or not next(iter(columns.values())):
        raise CallError("the frame has no row; something to learn from is needed")
    numeric = {name for name, cells in columns.items() if all(isinstance(cell, numbers.Real) or cell is None for cell in cells)}
    if task is None and named.get("data.label_column") in columns:
        label = named["data.label_column"]
        is_number = label in numeric and any(isinstance(cell, float) for cell in columns[label])
        task = "regress" if is_number else "classify"
    if task == "translate":
        if len(columns) < 2:
            raise CallError(f"the frame has the column {', '.join(columns)} alone; one of sentences and one of translations are needed")
        source, target = list(columns.values())[:2]
        return _pairs("the frame", source, target, folder, stem)
    if task in CONTINUE:
        text = named.get("data.text_column") or next(iter(columns)) if len(columns) == 1 else named.get("data.text_column")
        if text is None:
            raise CallError(f"the frame has the columns {', '.join(columns)}; give the one of texts, as frame['{next(iter(columns))}']")
        return _texts(frame, [str(cell) for cell in columns[text]], task, folder, stem)
    for name, cells in columns.items():
        _check(name, cells, lenient)
    file = table("the frame", folder, stem, list(columns), zip(*columns.values()))
    file.columns = spelt
    if y is not None or task is not None:
        file.task = task
        file.fields = {**(_TABLE if task in ("classify", "regress", "forecast", "trajectory") else {}), **fields}
        if y is not None:
            file.fields["data.label_column"] = named["data.label_column"]
            others = set(columns) - {named["data.label_column"]}
            if others <= numeric:
                file.fields["data.input"] = "numbers"
            elif len(others) == 1:
                file.fields |= {"data.input": "text", "data.text_column": others.pop()}
    return file


def _found(columns: dict[str, list[Any]], named: str) -> list[str]:
    """The columns that the caller names, with commas between, as they are called in a file."""
    found = []
    for name in named.split(",") if named not in columns else [named]:
        name = name if name in columns else f"column {name}"
        if name not in columns:
            raise CallError(f"the frame has no column '{name.removeprefix('column ')}'; its columns are {', '.join(columns)}")
        found.append(name)
    return found


def columns_of(frame: Any) -> dict[str, list[Any]]:
    """The columns of a frame by their names; dates that are its index are the first."""
    # A name that is a number would be taken for the place of a column.
    names = [f"column {name}" if re.fullmatch(r"[-+\d.,]*", str(name)) else str(name) for name in frame.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CallError(f"the frame has two columns '{twice}'; each needs a name of its own")
    columns: dict[str, list[Any]] = {}
    index: Any = getattr(frame, "index", None)
    if type(index).__name__ in ("DatetimeIndex", "PeriodIndex"):
        columns[str(index.name or "date")] = [str(date) for date in index]
    for name, column in zip(names, frame.columns):
        columns[name] = frame[column].to_list()
    return columns


def _check(name: str, cells: Sequence[Any], lenient: bool) -> None:
    """Refuses cells that no table has."""
    for row, cell in enumerate(cells):
        missing = is_missing(cell)
        if missing and not lenient:
            raise CallError(
                f"the frame has {cell} in row {row} of the column '{name}'; leave the row out, or let skip_bad=True or, of a series, fill do so"
            )
        if isinstance(cell, numbers.Real) and math.isinf(cell):
            raise CallError(f"the frame has {cell} in row {row} of the column '{name}'; a finite number is needed")
        if not missing and not isinstance(cell, (str, numbers.Real, datetime.date, datetime.time)):
            raise TypeError(
                f"the frame has a {type(cell).__name__} in row {row} of the column '{name}'; texts, numbers and dates are needed"
            )
