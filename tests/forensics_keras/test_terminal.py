"""Printing: what acts on a terminal is escaped, and a failing stream changes no outcome."""

import argparse
import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forensics_keras.command_line import run_command
from forensics_keras.terminal import counted, printable


@given(st.text(st.characters()))
def test_printable_text_is_one_line_that_any_utf_8_terminal_shows(text):
    shown = printable(text)
    assert len(shown.splitlines()) <= 1 and "\x1b" not in shown and "\x9b" not in shown
    shown.encode()


def test_ordinary_text_is_printed_as_it_is():
    for text in ("a b.png", "\u00e9\u4e2d\U0001f600", "C:\\x", "it's 'quoted'"):
        assert printable(text) == text
    assert printable("\x1b[2J\n\u202e\udcff") == "\\x1b[2J\\n\\u202e\\udcff"


def test_counts():
    found = [counted(number, "input") for number in (0, 1, 2, 12345)]
    assert found == ["0 inputs", "1 input", "2 inputs", "12,345 inputs"]


def closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", buffering=1)


def narrow():
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS = {"pipe": closed_pipe, "full": lambda: open("/dev/full", "w"), "narrow": narrow}
STREAMS |= {"closed": closed, "none": lambda: None}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("outcome", [0, 1, "refused"])
def test_commands_end_as_they_would_where_nothing_can_be_printed(monkeypatch, kind, outcome):
    done = []

    def run(options):
        for _ in range(3):
            print("caf\u00e9 \udcff")
        done.append(True)
        if outcome == "refused":
            raise ValueError("caf\u00e9")
        return outcome

    with monkeypatch.context() as patches:
        patches.setattr(sys, "stdout", STREAMS[kind]())
        patches.setattr(sys, "stderr", STREAMS[kind]())
        code = run_command(argparse.ArgumentParser(), run, [])
    assert done == [True] and code == (2 if outcome == "refused" else outcome)


def test_what_an_encoding_lacks_is_escaped(monkeypatch):
    stream = narrow()
    monkeypatch.setattr(sys, "stdout", stream)
    run_command(argparse.ArgumentParser(), lambda _: print("caf\u00e9"), [])
    assert stream.buffer.getvalue() == b"caf\\xe9\n"


def test_programs_end_without_a_traceback_when_their_reader_has_gone():
    code = (
        "import argparse, sys; from forensics_keras.command_line import run_command;"
        "sys.exit(run_command(argparse.ArgumentParser(), lambda _: print('x' * 10**6) or 1, []))"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    program.stdout.close()
    assert (program.stderr.read(), program.wait()) == (b"", 1)
    program.stderr.close()
