"""Runs the sessions in README.md and docs/ again, and compares what they print with what stands there.

    scripts/docs.sh                           # the quick sessions of all pages
    scripts/docs.sh docs/tag.md --long        # all of a page, those of minutes too
    scripts/docs.sh docs/tag.md --write       # puts the new figures into the page

A session is a block whose commands begin with "$ ". A page's sessions run one after the other in one folder, empty at first, so
that one goes on from another. A command has to succeed, unless its error is shown. What it prints has to come line by line as it
stands; a line "…" stands for any lines, "…" in a line for any part of it. Numbers may differ by as much as another processor makes them (--tolerance); clock times, speeds, sizes in
memory, threads, and which step was best, by anything; how far a training is is not shown. A comment in front of a block says more:

    <!-- session: long -->                    takes minutes: run with --long only
    <!-- session: elsewhere -->               needs what only its reader has: never run
    <!-- session: long, with a.csv, b.txt --> needs these files or folders of the data folder, linked into the page's by their names;
                                              passed over where the data folder (--data) lacks them
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ABOUT = r"^<!-- session: (?P<kind>long|elsewhere)?(?:, )?(?:with (?P<files>[^\n]+))? -->\n"
BLOCK = re.compile(rf"(?:{ABOUT})?^```\w*\n(?P<text>.*?)^```", re.S | re.M)
# What a machine and a moment decide, as the speed behind a time in a table; and numbers.
PASSING = r"\d+:\d\d(?::\d\d)?(?: +[\d,]+(?= ))?|[\d,]+/s|[\d.,]+ (?:MB|GB|kB|s|seconds|minutes?|threads?)\b|at step [\d,]+|\(best [^)]*\)|just now|\d+ \w+ ago"
NUMBER = r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"
# How far a training is, said every few seconds.
PROGRESS = re.compile(r"step +[\d,/]+ +epoch |preparing ")
PART = re.compile(rf"(?P<passing>{PASSING})|(?P<number>{NUMBER})|(?P<any>…)|(?P<blank>\s+)")


class Session:
    """A block's commands, each with the numbers of the page's lines that it is to print."""

    def __init__(self, match, page):
        self.kind, self.files = match["kind"], match["files"].split(", ") if match["files"] else []
        self.line = page[: match.start("text")].count("\n") + 1
        self.steps = []
        lines = match["text"].splitlines()
        at = 0
        while at < len(lines):
            line = lines[at]
            if line.startswith("$ "):
                command = line[2:]
                end = re.search(r"<<\s*'?(\w+)", command)
                while lines[at].endswith("\\") or (end and lines[at] != end[1]):
                    at += 1
                    command += "\n" + lines[at]
                self.steps.append((command, []))
            elif self.steps:
                self.steps[-1][1].append(self.line - 1 + at)
            at += 1


def pattern(line):
    """What a line of the page says, as an expression whose groups are what may differ."""
    expression, at = "", 0
    for part in PART.finditer(line):
        expression += re.escape(line[at : part.start()])
        expression += {"passing": f"({PASSING})", "number": f"({NUMBER})", "any": ".*?", "blank": r"\s+"}[part.lastgroup]
        at = part.end()
    return re.compile(expression + re.escape(line[at:]) + r"\s*")


def varying(line):
    return [part for part in PART.finditer(line) if part.lastgroup in ("passing", "number")]


def near(part, found, tolerance):
    """Whether a number of the page is the one found, or near it."""
    if part.lastgroup == "passing":
        return True
    a, b = (float(number.replace(",", "")) for number in (part[0], found))
    size = max(abs(a), abs(b))
    return abs(a - b) <= max(tolerance * size, 0.02 if size < 2 else 0.0)


def renewed(line, groups):
    """The page's line with what was found in place of its numbers."""
    if "…" in line:
        for part, found in reversed(list(zip(varying(line), groups))):
            line = line[: part.start()] + found + line[part.end() :]
    return line


def compare(places, lines, found, tolerance):
    """What does not come as it stands, and the new text of lines that do but for their numbers, by place."""
    complaints, new, at, gap = [], {}, 0, False
    for place in places:
        line = lines[place]
        if line.strip() == "…":
            gap = True
            continue
        shape, reach = pattern(line), range(at, len(found) if gap else min(at + 1, len(found)))
        matches = [(index, match) for index in reach if (match := shape.fullmatch(found[index]))]
        sound = [
            (index, match)
            for index, match in matches
            if all(near(part, there, tolerance) for part, there in zip(varying(line), match.groups()))
        ]
        if not matches:
            there = found[at] if at < len(found) else "nothing more"
            complaints.append(f"line {place + 1}: {line!r} does not come; there is {there[:150]!r}")
            if not gap and at < len(found):
                new[place], at = found[at].rstrip(), at + 1
            continue
        # A page's last line is the last that comes, of several that are near it.
        index, match = (sound or matches)[-1 if place == places[-1] else 0]
        new[place] = renewed(line, match.groups()) if "…" in line else found[index].rstrip()
        if not sound:
            complaints.append(f"line {place + 1}: {line!r} is now {found[index][:150]!r}")
        at, gap = index + 1, False
    if not gap and at < len(found) and places:
        complaints.append(f"line {places[-1] + 1}: more comes: {found[at][:150]!r}")
    return complaints, new


def link(session, folder, data):
    """Links the files that a session needs; those that are nowhere."""
    missing = []
    for name in session.files:
        there = min(data.rglob(name), default=None)
        if there is None:
            missing.append(name)
        elif not (folder / name).exists():
            (folder / name).symlink_to(there)
    return missing


def run(page, args):
    """The number of sessions that differ; with --write the page's figures are renewed."""
    text = page.read_text()
    lines, differing = text.splitlines(), 0
    sessions = [Session(match, text) for match in BLOCK.finditer(text) if re.search(r"^\$ ", match["text"], re.M)]
    environment = {**os.environ, "PATH": f"{args.binary.resolve().parent}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        for session in sessions:
            name = f"{page.relative_to(ROOT)}:{session.line}"
            if session.kind == "elsewhere" or (session.kind == "long" and not args.long):
                print(f"{name}: passed over, {session.kind}", flush=True)
                continue
            if missing := link(session, Path(folder), args.data.resolve()):
                print(f"{name}: passed over, {', '.join(missing)} not below {args.data}", flush=True)
                continue
            complaints = []
            for command, places in session.steps:
                called = subprocess.run(
                    ["bash", "-c", command],
                    cwd=folder,
                    env=environment,
                    text=True,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
                printed = [line for line in called.stdout.splitlines() if not PROGRESS.match(line)]
                found, new = compare(places, lines, printed, args.tolerance)
                if called.returncode and not any(lines[place].startswith("anaphora: ") for place in places):
                    found.append(f"{command!r} ends with {called.returncode}: {printed[-1:]}")
                complaints += found
                if args.write and found:
                    for place, line in new.items():
                        lines[place] = line
            differing += bool(complaints)
            print(f"{name}: {'differs' if complaints else 'as it stands'}", *complaints, sep="\n  ", flush=True)
    if args.write:
        page.write_text("\n".join(lines) + "\n")
    return differing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/anaphora")
    parser.add_argument("--data", type=Path, default=os.environ.get("ANAPHORA_DATA", ROOT.parent / "shared/data"))
    parser.add_argument("--tolerance", type=float, default=0.03, help="share by which numbers may differ")
    parser.add_argument("--long", action="store_true", help="sessions of minutes too")
    parser.add_argument("--write", action="store_true", help="put the new figures into the pages")
    args = parser.parse_args()
    pages = [page.resolve() for page in args.pages] or [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    sys.exit(1 if sum(run(page, args) for page in pages) else 0)


if __name__ == "__main__":
    main()
