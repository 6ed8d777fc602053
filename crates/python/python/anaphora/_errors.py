"""What goes wrong, one sentence each: what was found, where, and what would be right."""

import os
import sys
import warnings


class Error(Exception):
    """The call is right, and something that it needs is not: a file, a run, the data."""


class CallError(Error, ValueError):
    """The call is wrong: an argument, a field of the recipe, a value in an array or a frame."""


class Note(UserWarning):
    """What is to be known of data or of a training, as how many rows were left out."""


def note(text: str) -> None:
    """Warns of it, in the line that called the package."""
    frame, level = sys._getframe().f_back, 2
    while frame is not None and os.path.dirname(frame.f_code.co_filename) == os.path.dirname(__file__):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, Note, stacklevel=level)
