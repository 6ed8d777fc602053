"""The command line: `python -m anaphora`, and the script `anaphora`."""

import signal
import sys

from . import _anaphora


def main() -> int:
    """Does what the command line says; returns the exit code."""
    # Ctrl-C is for the program, which does not ask the interpreter.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _anaphora.main(["anaphora", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
