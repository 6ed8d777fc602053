"""Runs the sessions in README.md and docs/ again, and compares what they print with what stands there.

    scripts/docs.sh                           # the quick sessions of all pages
    scripts/docs.sh docs/tag.md --long        # all of a page, those of minutes too
    scripts/docs.sh docs/tag.md --write       # puts the new figures into the page

A session is a block whose commands begin with "$ ". Its lines must come again in their order, with the same words; "…" stands
for any lines, or any part of one. `cat FILE` makes a file that is not there yet. Numbers may differ by as much as another processor makes them, --tolerance; times and speeds by anything. A page's
sessions run one after the other in one empty folder, so that one goes on from another. A comment in front of a block says more:

    <!-- session: long -->            takes minutes: run with --long only
    <!-- session: elsewhere -->       cannot be run here, as with files that only its reader has

Files that a command names and the folder lacks are looked for below the data folder, by default ../shared/data; sessions
whose files are nowhere are passed over, and said to be.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"(?:<!-- session: (?P<kind>\w+) -->\n)?^```\w*\n(?P<text>.*?)^```", re.S | re.M)
NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
# Clock times, seconds, speeds and sizes on disk or in memory are those of a machine and of a moment.
PASSING = re.compile(r"\d+:\d\d(?::\d\d)?|[\d,]+/s|[\d.,]+ (?:MB|GB|kB|s|seconds|minutes?)\b|just now|\d+ \w+ ago")


class Session:
    """Commands of a block, each with the lines that it is to print."""

    def __init__(self, match, page_text):
        self.start = page_text[: match.start("text")].count("\n")
        self.kind = match["kind"] or "quick"
        self.steps = []
        lines = match["text"].splitlines()
        at = 0
        while at < len(lines):
            line, place = lines[at], at
            at += 1
            if not line.startswith("$ "):
                if self.steps:
                    self.steps[-1][1].append((self.start + place, line))
                continue
            command = line[2:]
            while command.endswith("\\"):
                command = command[:-1] + lines[at].strip()
                at += 1
            self.steps.append((command, []))


def words(line):
    """The line without what changes from run to run, numbers as a mark; and the numbers."""
    line = PASSING.sub("~", line.rstrip())
    numbers = [float(number.replace(",", "")) for number in NUMBER.findall(line)]
    return re.sub(r"[\s─-]+", " ", NUMBER.sub("#", line)).strip(), numbers


def alike(shape, other):
    """Whether a line has the words of another, "…" standing for any of them."""
    if "…" not in shape:
        return shape == other
    return re.fullmatch(".*".join(re.escape(part.strip()) for part in shape.split("…")), other) is not None


def near(a, b, tolerance):
    return abs(a - b) <= max(tolerance * max(abs(a), abs(b)), 0.02 if max(abs(a), abs(b)) < 2 else 0.0)


def compare(expected, found, tolerance):
    """Pairs of an expected line and its new text, and the complaints."""
    at, pairs, complaints = 0, [], []
    gap = True
    for place, line in expected:
        if line.strip() in ("…", ""):
            gap = True
            continue
        shape, numbers = words(line)
        reach = found[at:] if gap else found[at : at + 1]
        same = [index for index, other in enumerate(reach) if alike(shape, words(other)[0])]
        fits = [i for i in same if all(near(a, b, tolerance) for a, b in zip(numbers, words(reach[i])[1]))]
        if not same:
            there = reach[0] if reach else "nothing more"
            complaints.append(f"line {place + 1}: {line.strip()!r} does not come; there is {there.strip()[:120]!r}")
            gap = True
            continue
        index = (fits or same)[0]
        if not fits:
            complaints.append(f"line {place + 1}: {line.strip()!r} is now {reach[index].strip()!r}")
        if "…" not in line:
            pairs.append((place, line, reach[index]))
        at += index + 1
        gap = False
    return pairs, complaints


def provide(command, folder, data):
    """Links what a command names and the folder lacks; says what is nowhere."""
    missing = []
    for word in shlex.split(command.split("<<")[0], comments=True):
        name = word.split("=", 1)[-1]
        plain = re.fullmatch(r"[\w./-]+", name) and not name.startswith("-")
        path = folder / name
        if not plain or path.exists() or not ("." in name.strip("./") or name.endswith("/")):
            continue
        if name.startswith("runs/") or re.fullmatch(r"[\d.]+", name):
            continue
        base = name.rstrip("/").split("/")[-1]
        there = sorted(data.rglob(base)) if data.exists() else []
        if there and "/" not in name.rstrip("/"):
            path.symlink_to(there[0])
        elif name.startswith("../shared/data"):
            missing.append(name)
    return missing


def run(page, args, data):
    """Complaints of a page; with --write its figures are renewed."""
    text = page.read_text()
    sessions = [Session(match, text) for match in BLOCK.finditer(text) if "\n$ " in "\n" + match["text"]]
    lines, complaints, done = text.splitlines(), [], 0
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "work"
        folder.mkdir()
        if data.exists():
            (Path(top) / "shared").mkdir()
            (Path(top) / "shared" / "data").symlink_to(data)
        environment = {**os.environ, "PATH": f"{Path(args.binary).resolve().parent}:{os.environ['PATH']}"}
        for session in sessions:
            name = f"{page.relative_to(ROOT)}:{session.start}"
            if session.kind == "elsewhere" or (session.kind == "long" and not args.long):
                print(f"{name}: passed over ({session.kind})", flush=True)
                continue
            missing = [name for command, _ in session.steps for name in provide(command, folder, data)]
            if missing:
                print(f"{name}: passed over, for {', '.join(missing)} is not here", flush=True)
                continue
            found_all = []
            for command, expected in session.steps:
                shown = re.fullmatch(r"cat ([\w.-]+)", command)
                if shown and not (folder / shown[1]).exists():
                    # So a session shows a file that its reader makes.
                    (folder / shown[1]).write_text("".join(line + "\n" for _, line in expected))
                called = subprocess.run(
                    ["bash", "-c", f"{command}"], cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
                )
                found = called.stdout + called.stderr if command.startswith("anaphora compare") else called.stderr + called.stdout
                pairs, complained = compare(expected, found.splitlines(), args.tolerance)
                found_all += complained
                for place, old, new in pairs:
                    if args.write and complained:
                        lines[place] = new.rstrip()
            done += 1
            print(f"{name}: {'as it stands' if not found_all else 'differs'}", flush=True)
            for complaint in found_all:
                print(f"  {complaint}", flush=True)
            complaints += found_all
    if args.write and complaints:
        page.write_text("\n".join(lines) + "\n")
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--binary", default=ROOT / "target/release/anaphora")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--tolerance", type=float, default=0.03, help="share by which numbers may differ")
    parser.add_argument("--long", action="store_true", help="sessions of minutes too")
    parser.add_argument("--write", action="store_true", help="put the new figures into the pages")
    args = parser.parse_args()
    pages = [page.resolve() for page in args.pages] or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    complaints = [complaint for page in pages for complaint in run(page, args, args.data.resolve())]
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
