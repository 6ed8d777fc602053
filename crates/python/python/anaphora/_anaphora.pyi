"""The library's functions, as the package calls them."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

_Path = str | PathLike[str]
# What sets a field of the recipe, the field, and its value as a command line has it.
_Set = tuple[str, str, str]
# What sets a field, the field, the file that it names, and what the caller knows that as.
_Given = tuple[str, str, _Path, str]
# Whether it is a file, the path or the text, and the number of a text in its list, from 1.
_Input = tuple[bool, str, int | None]
# Beams, length penalty, n best, no repeated n-gram, whether unknown words are replaced.
_Search = tuple[int | None, float | None, int | None, int | None, bool]

__all__ = [
    "VERSION",
    "Inspection",
    "Model",
    "Parts",
    "Recipe",
    "compose",
    "convert",
    "fields",
    "generate",
    "inspect",
    "main",
    "resume",
    "run_info",
    "stream",
    "to_huggingface",
    "to_onnx",
    "train",
]

VERSION: str

def main(arguments: list[str]) -> int: ...
def run_info(run: _Path) -> dict[str, Any]: ...
def fields() -> list[tuple[str, str | None, str, str]]: ...
def train(
    data: _Path | None,
    given: Sequence[_Given],
    stem: str,
    base: Recipe | _Path | None,
    from_: _Path | None,
    settings: list[_Set],
    out: _Path | None,
    on_event: Callable[[dict[str, Any]], Any] | None,
    note: Callable[[str], Any],
) -> Path: ...
def resume(
    run: _Path,
    steps: int | None,
    epochs: float | None,
    minutes: float | None,
    on_event: Callable[[dict[str, Any]], Any] | None,
    note: Callable[[str], Any],
) -> None: ...
def generate(model: Model, asked: dict[str, Any], note: Callable[[str], Any]) -> list[dict[str, Any]]: ...
def compose(model: Model, asked: dict[str, Any]) -> list[tuple[bytes, int, bool]]: ...
def convert(piece: str | bytes, form: str) -> bytes: ...
def stream(model: Model, asked: dict[str, Any]) -> Parts: ...
def inspect(
    run: _Path,
    text: str | None,
    data: tuple[_Path, _Path | None] | None,
    names: Sequence[tuple[_Path, str]],
    index: int,
    show: list[str] | None,
    threads: int,
) -> Inspection: ...
def to_onnx(run: _Path, out: _Path, equal_lengths: bool, overwrite: bool) -> list[Path]: ...
def to_huggingface(run: _Path, out: _Path) -> None: ...
@final
class Model:
    def __new__(cls, run: _Path, threads: int, precision: str | None, note: Callable[[str], Any]) -> Model: ...
    def outputs(self) -> list[str]: ...
    def reads_text(self) -> bool: ...
    def continues(self) -> bool: ...
    def predict(
        self, inputs: Sequence[_Input], names: Sequence[tuple[_Path, str]], lines: _Path, search: _Search
    ) -> list[dict[str, Any]]: ...
    def choices(self, texts: list[str], ended: bool) -> list[tuple[list[int], list[str], list[float]]]: ...
    def evaluate(
        self, data: tuple[_Path, _Path | None] | None, names: Sequence[tuple[_Path, str]], test: bool, search: _Search
    ) -> dict[str, Any]: ...

@final
class Recipe:
    def __new__(cls, base: _Path | None, settings: list[_Set]) -> Recipe: ...
    @staticmethod
    def of_run(run: _Path) -> Recipe: ...
    def to_toml(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __eq__(self, other: object, /) -> bool: ...

@final
class Inspection:
    def arrays(self) -> dict[str, tuple[NDArray[np.float32], list[str], str]]: ...
    def rest(self) -> dict[str, Any]: ...
    def page(self) -> str: ...
    def write(self, path: _Path) -> None: ...

@final
class Parts:
    def __iter__(self) -> Parts: ...
    def __next__(self) -> str: ...
