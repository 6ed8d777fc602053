"""Count how many generated tunes are whole: accepted by abc2midi without an error, with bars that add up.

    python tunes.py --binary ../target/release/anaphora runs/irish --count 100 --temperature 0.8 --retry 0

A tune is what `anaphora generate` writes to its .abc file; a complete one has its repeats written out there. That bars add up is
anaphora's own judgement (`complete`), pick-ups and bars cut by repeats allowed for; abc2midi warns of such bars too, so its
errors are counted and its warnings are not.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--binary", default="anaphora")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--retry", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        command = [args.binary, "generate", args.run, "--json", "--out", folder]
        for name in ["count", "temperature", "retry", "seed"]:
            command += [f"--{name}", str(getattr(args, name))]
        pieces = [json.loads(line) for line in subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()]
        complete = sum(piece["complete"] for piece in pieces)
        accepted = both = 0
        for piece in pieces:
            tune = next(pathlib.Path(name) for name in piece["files"] if name.endswith(".abc"))
            result = subprocess.run(["abc2midi", tune, "-o", pathlib.Path(folder) / "out.mid"], stdout=subprocess.PIPE, text=True)
            errors = [line for line in result.stdout.splitlines() if line.startswith("Error")]
            fine = result.returncode == 0 and not errors
            accepted += fine
            both += fine and piece["complete"]
    attempts = sum(piece["attempts"] for piece in pieces) / len(pieces)
    longest = sorted(piece["novelty"]["longest"] for piece in pieces)[len(pieces) // 2]
    print(f"{len(pieces)} tunes, {attempts:.2f} attempts each: {complete} complete, {accepted} accepted by abc2midi, {both} both;")
    print(f"median of the longest passage shared with the training data: {longest} characters")


if __name__ == "__main__":
    main()
