"""Files that are made of data in memory, and what stands in them."""

from __future__ import annotations

import bisect
import csv
import math
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from ._errors import CallError, Error


class File:
    """A file made of data in memory, with what the caller knows it as and the fields of a recipe that say how it is read."""

    def __init__(self, name: str, path: Path, rows: str = "item", starts: Sequence[int] | None = None) -> None:
        self.name, self.path = name, path
        #: What stands in its lines, and where these are no table's, the line from 1 on which each begins; of a table they are looked up.
        self.rows, self.starts = rows, starts
        self.fields: dict[str, str] = {}
        #: Columns that the caller names, as they are called in the file, by the recipe's field.
        self.columns: dict[str, str] = {}
        #: The file of its truths, where that is another.
        self.target: File | None = None
        #: What is learnt of it, where it shows that.
        self.task: str | None = None

    def all(self) -> Iterator[File]:
        """This file, and that of its truths."""
        yield self
        if self.target is not None:
            yield self.target

    def says(self, sentence: str) -> str:
        """A sentence that names places in the data, and not in the file."""

        def place(found: re.Match[str]) -> str:
            row = self._row(int(found[1]))
            return f"{self.name}, {self.rows} {row}" if row >= 0 else f"{self.name}, its names"

        name = re.escape(self.name)
        return re.sub(rf"{name}(?:, |: |: the \w+ that begins at )line (\d+)", place, sentence)

    def _row(self, line: int) -> int:
        if self.path.suffix == ".csv":
            # A cell may have line ends in it, and the first row has the names.
            with open(self.path, newline="", encoding="utf-8") as file:
                reader = csv.reader(file)
                return next((row - 1 for row, _ in enumerate(reader) if reader.line_num >= line), line - 2)
        return line - 1 if self.starts is None else bisect.bisect_right(self.starts, line) - 1


@contextmanager
def written() -> Iterator[Path]:
    """A place for files, gone in the end."""
    with tempfile.TemporaryDirectory(prefix="anaphora-") as folder:
        yield Path(folder)


@contextmanager
def spoken(files: Sequence[File]) -> Iterator[None]:
    """Errors of the library name places in the data that the caller gave."""
    try:
        yield
    except Error as error:
        sentence = str(error)
        for file in files:
            sentence = file.says(sentence)
        if sentence == str(error):
            raise
        raise type(error)(sentence) from None


def check(name: str, number: int, text: str, lenient: bool = False) -> None:
    """Refuses what is no text to be read."""
    if not lenient and not text.strip():
        raise CallError(f"{name}, item {number}: the text is blank, at least one character is needed")
    if "\0" in text:
        raise CallError(f"{name}, item {number}: a NUL character is in it, text is needed")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CallError(f"{name}, item {number}: {text[error.start]!r} is half a character, text is needed") from None


def is_missing(value: Any) -> bool:
    """Whether there is no value: None, NaN, and what pandas has for them."""
    return value is None or isinstance(value, float) and math.isnan(value) or type(value).__name__ in ("NAType", "NaTType")


def cell(value: Any) -> str:
    """A value as a table has it."""
    if is_missing(value):
        return ""
    return repr(float(value)) if isinstance(value, float) else str(value)


@contextmanager
def _opened(file: File) -> Iterator[TextIO]:
    """A file to be written, its line ends as they are."""
    try:
        with open(file.path, "w", newline="", encoding="utf-8") as out:
            yield out
    except UnicodeEncodeError as error:
        found = error.object[error.start]
        raise CallError(f"{file.name} has {found!r} in it, which is half a character; text is needed") from None


def put(file: File, content: str) -> None:
    """Writes a file of text."""
    with _opened(file) as out:
        out.write(content)


def table(name: str, folder: Path, stem: str, heads: list[str], rows: Iterable[Iterable[Any]], called: str = "row") -> File:
    file = File(name, folder / f"{stem}.csv", called)
    with _opened(file) as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows([cell(value) for value in row] for row in rows)
    return file
