"""What goes wrong, one sentence each: what was found, where, and what would be right."""


class Error(Exception):
    """The call is right, and something that it needs is not: a file, a run, the data."""


class CallError(Error, ValueError):
    """The call is wrong: an argument, a field of the recipe, a value in an array or a frame."""


class Note(UserWarning):
    """What is to be known of data or of a training, as how many rows were left out."""
