"""The program in the wheel, the stubs, and the guide."""

import doctest
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import anaphora

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "python.md"


def called(*command, **more):
    return subprocess.run(command, text=True, capture_output=True, timeout=120, **more)


@pytest.mark.parametrize("command", [[os.path.join(sysconfig.get_path("scripts"), "anaphora")], [sys.executable, "-m", "anaphora"]])
def test_the_program_comes_with_the_package(command):
    version = called(*command, "--version")
    assert version.stdout.startswith(f"anaphora {anaphora.__version__}"), version
    trained = called(*command, "train", "--builtin", "names", "--steps", "3", "--hidden", "8", "--out", "r", "--json")
    assert trained.returncode == 0 and '"event":"ended"' in trained.stdout, trained
    assert anaphora.load("r").info["steps"] == 3
    wrong = called(*command, "train", "nowhere.txt")
    assert (wrong.returncode, wrong.stderr) == (1, "anaphora: nowhere.txt: no such file or folder\n")
    assert called(*command, "train", "--hiden", "3").returncode == 2
    piped = subprocess.run([*command, "predict", "r"], input="Kim\n", text=True, capture_output=True, timeout=60)
    assert piped.stdout.endswith("Kim\n"), piped


def test_the_program_ends_by_ctrl_c():
    import signal
    import time

    program = subprocess.Popen([sys.executable, "-m", "anaphora", "train", "--builtin", "tunes", "--out", "r"], stderr=subprocess.PIPE, text=True)
    for line in program.stderr:
        if line.startswith("Ctrl-C"):
            break
    time.sleep(0.5)
    program.send_signal(signal.SIGINT)
    assert "Stopped and saved" in program.communicate(timeout=60)[1] and program.returncode == 0


@pytest.mark.parametrize("arguments", [["mypy", "--strict", "-p", "anaphora"], ["mypy.stubtest", "anaphora"]])
def test_stubs_say_what_there_is(arguments, tmp_path):
    pytest.importorskip("mypy")
    said = called(sys.executable, "-m", *arguments, cwd=tmp_path)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.skipif(not GUIDE.exists(), reason="the guide lies beside the sources alone")
def test_the_guide_says_what_comes():
    # What ends a block is no output.
    text = GUIDE.read_text().replace("\n```", "\n\n")
    guide = doctest.DocTestParser().get_doctest(text, {}, "python.md", str(GUIDE), 0)
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert runner.run(guide, out=said.append).failed == 0, "".join(said)
