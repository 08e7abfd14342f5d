import argparse
import logging
import os
import sys

import pytest

from forensics_keras import __version__
from forensics_keras.command_line import (
    at_least,
    checked_by,
    program_name,
    run_program,
    threshold,
)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (at_least(2), "2", 2),
        (at_least(1, most=100), "100", 100),
        (threshold, "1", 1.0),
        (threshold, "0.25", 0.25),
        (checked_by(int), "7", "7"),
    ],
)
def test_good_texts(kind, text, value):
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (at_least(2), "1", "1 is less than 2"),
        (at_least(1, most=100), "101", "101 is more than 100"),
        (threshold, "0", "0 is not above 0 and at most 1"),
        (threshold, "1.5", "1.5 is not above 0 and at most 1"),
        (threshold, "nan", "nan is not above 0 and at most 1"),
        (checked_by(int), "x", "invalid literal"),
    ],
)
def test_bad_texts(kind, text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        kind(text)


def test_text_that_is_no_number_is_left_to_argparse():
    with pytest.raises(ValueError, match="x"):
        at_least(1)("x")


def add_boil(commands):
    parser = commands.add_parser("boil")
    parser.add_argument("--minutes", type=int)
    parser.set_defaults(run=_boil)


def _boil(options):
    os.write(2, b"from a C library\n")
    logging.getLogger("tensorflow").warning("retracing")
    print(f"{options.minutes} minutes", file=sys.stderr)


def test_unknown_options_show_the_usage_of_their_command_and_what_was_meant(capsys):
    with pytest.raises(SystemExit) as caught:
        run_program("cook", "", [add_boil], ["boil", "--minuts", "3"])
    error = capsys.readouterr().err
    assert caught.value.code == 2
    assert "usage: cook boil" in error and "--minuts 3; did you mean --minutes?" in error


def test_every_program_has_a_version(capsys):
    with pytest.raises(SystemExit):
        run_program("cook", "", [add_boil], ["--version"])
    assert capsys.readouterr().out == f"cook {__version__}\n"


@pytest.mark.parametrize(("verbose", "hears"), [([], False), (["--verbose"], True)])
def test_what_libraries_write_is_hidden_unless_asked_for(verbose, hears, capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tensorflow"), "level", logging.WARNING)
    with open(os.dup(2), "w", 1) as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        run_program("cook", "", [add_boil], ["boil", "--minutes", "3", *verbose])
    said = capfd.readouterr().err
    assert "3 minutes" in said and ("from a C library" in said) == hears
    assert (logging.getLogger("tensorflow").level == logging.WARNING) == hears


def test_stderr_is_led_back_after_a_command(capfd, monkeypatch):
    stderr = open(2, "w", 1, closefd=False)
    monkeypatch.setattr(sys, "stderr", stderr)
    run_program("cook", "", [add_boil], ["boil", "--minutes", "3"])
    assert sys.stderr is stderr
    print("after", file=sys.stderr)
    os.write(2, b"too")
    assert capfd.readouterr().err == "3 minutes\nafter\ntoo"


@pytest.mark.parametrize(
    ("started", "name"),
    [("/x/irl_keras/__main__.py", "python -m irl_keras"), ("/bin/irl-keras", "irl-keras")],
)
def test_a_program_is_named_as_it_was_called(started, name, monkeypatch):
    monkeypatch.setattr(sys, "argv", [started])
    assert program_name("irl_keras") == name


def test_a_missing_backend_is_one_line_that_says_what_to_install(capsys):
    def fail(_):
        raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

    def add_fail(commands):
        commands.add_parser("fail").set_defaults(run=fail)

    assert run_program("cook", "", [add_fail], ["fail"]) == 2
    error = capsys.readouterr().err
    assert "pip install tensorflow" in error and error.count("\n") == 1
