"""Keywords as fields of a recipe: the flags of the command line, with underscores in place of dashes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from typing import Any

from . import _anaphora

_FIELDS = _anaphora.fields()
#: Each keyword with the field that it sets.
KEYWORDS = {flag.replace("-", "_"): path for path, flag, _, _ in _FIELDS if flag is not None}
#: Fields whose values are texts, where several may be named with commas between.
_TEXTS = {path for path, _, _, takes in _FIELDS if takes.startswith("a text")}

Set = tuple[str, str, str]


def settings(function: str, keywords: Mapping[str, Any], fields: Mapping[str, Any] | None) -> list[Set]:
    """What keywords set, and then what fields by their dotted paths do: of each what sets it, the field and its value."""
    unknown = next((name for name in keywords if name not in KEYWORDS), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, KEYWORDS, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise TypeError(f"{function}() takes no keyword '{unknown}'{hint}")
    if fields is not None and not isinstance(fields, Mapping):
        raise TypeError(f"set is a {type(fields).__name__}; a dictionary of fields and their values is needed")
    named = [(name, KEYWORDS[name], value) for name, value in keywords.items()]
    named += [(f"set {field}", field, value) for field, value in (fields or {}).items()]
    return [(by, field, _text(by, field, value)) for by, field, value in named if value is not None]


def _text(by: str, field: str, value: Any) -> str:
    """A value as a command line has it."""
    if getattr(value, "ndim", None) == 0:
        # A number of NumPy's.
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, (list, tuple)):
        parts = [_text(by, field, part) for part in value]
        return ",".join(parts) if field in _TEXTS else f"[{', '.join(parts)}]"
    raise TypeError(f"{by} is a {type(value).__name__}; it takes a text, a number, True or False, or a list of these")
