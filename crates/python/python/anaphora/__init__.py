"""Learn from sequences: train, generate, predict, evaluate, and look inside.

    import anaphora

    model = anaphora.train("tunes.abc", steps=600, out="runs/tunes")
    print(model.generate(count=2)[0])

The guide is docs/python.md.
"""

from ._anaphora import VERSION as __version__
from ._errors import CallError, Error, Note
from ._model import Generated, Inspection, Model, Scored, export, load
from ._training import Recipe, resume, train

__all__ = [
    "CallError",
    "Error",
    "Generated",
    "Inspection",
    "Model",
    "Note",
    "Recipe",
    "Scored",
    "__version__",
    "export",
    "load",
    "resume",
    "train",
]

for _public in (CallError, Error, Generated, Inspection, Model, Note, Recipe, Scored, export, load, resume, train):
    # What people see is called by where they find it.
    _public.__module__ = __name__
