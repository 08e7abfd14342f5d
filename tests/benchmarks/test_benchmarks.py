"""The benchmarks run, and their results have the documented form; the numbers are not judged."""

import inspect
import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from benchmarks import build, common, copies, edits, memory, pipeline, run_all, speed
from forensics_keras.images import read_image, write_png


@pytest.fixture
def small_network(monkeypatch):
    """A network that TensorFlow builds in a second; the real one takes many to train a step."""

    def build(**_):
        picture = keras.Input((None, None, 3))
        x = keras.layers.Rescaling(1 / 255)(picture)
        x = keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
        return keras.Model(picture, x)

    monkeypatch.setattr(speed, "irl_net", build)


def _run(benchmark, out):
    """Runs a benchmark; returns its tables' rows and checks what all have in common."""
    name = benchmark.__name__.split(".")[-1]
    assert benchmark.main(["--quick", "--out", str(out)]) == 0
    results = json.loads((out / f"{name}.json").read_text())
    assert results["command"] == f"python -m benchmarks.{name} --quick"
    named = results["machine"]
    assert named["cpu"] and named["cores"] >= 1 and named["memory_bytes"] > 2**28
    assert {"python", "keras", "numpy"} <= set(named["versions"])
    page = (out / f"{name}.md").read_text()
    assert named["cpu"] in page and "not for the record" in page
    for table in results["tables"]:
        assert "| " + " | ".join(table["columns"].values()) + " |" in page
        assert all(set(table["columns"]) <= set(row) for row in table["rows"])
    return [table["rows"] for table in results["tables"]]


def _is_summary(value, repeats):
    return 0 <= value["low"] <= value["median"] <= value["high"] and value["repeats"] == repeats


def test_copies(tmp_path):
    [rows] = _run(copies, tmp_path)
    assert {"patch", "clone stamp"} <= {row["copies"] for row in rows}
    for row in rows:
        assert row["pictures"] == 1 and row["degradation"] in copies.DEGRADATIONS
        assert 0 <= row["F1"] <= 1 and 0 < row["all ones"] < 1


def test_speed(tmp_path, small_network):
    for rows, repeats in zip(_run(speed, tmp_path), (2, 1), strict=True):
        assert [row["network"] for row in rows] == [speed.BASELINE, speed.SHIPPED]
        assert rows[0]["ratio"] == 1
        for row in rows:
            assert _is_summary(row["seconds"], repeats)
            assert _is_summary(row["pictures_per_second"], repeats)
        ratio = rows[0]["seconds"]["median"] / rows[1]["seconds"]["median"]
        assert rows[1]["ratio"] == pytest.approx(ratio)


def test_pipeline(tmp_path, small_network):
    alone, training = _run(pipeline, tmp_path)
    assert [row["threads"] for row in alone] == ["1", "AUTOTUNE"]
    assert alone[0]["ratio"] == 1 and _is_summary(alone[1]["crops_per_second"], 2)
    assert len(training) == 2 and training[0]["ratio"] == 1
    for row in training:
        assert _is_summary(row["pictures_per_second"], 1)
        assert 0 <= row["waiting_percent"]["median"] <= 100


def test_build(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FAMILIES", {"family": ("ns", "patch")})
    monkeypatch.setattr(build, "INPAINTERS", ("telea", "ns", "patch"))
    [rows] = _run(build, tmp_path)
    assert [row["inpainter"] for row in rows] == ["telea", "ns"]
    for row in rows:
        assert _is_summary(row["batched"], 1) and _is_summary(row["one_by_one"], 1)
        ratio = row["batched"]["median"] / row["one_by_one"]["median"]
        assert row["ratio"] == pytest.approx(ratio)


@pytest.mark.slow
def test_memory(tmp_path, monkeypatch):
    fresh_process = memory.run_child

    def run_child(kind, side):
        """One fresh process is enough to see that it works; in this one, nothing may be added."""
        if kind == "picture":
            return fresh_process(kind, side)
        added = {"plain": 2**24, "blocks": 2**22}[kind]
        return {**memory.attend(kind, side), "before_bytes": 2**30, "peak_bytes": 2**30 + added}

    monkeypatch.setattr(memory, "run_child", run_child)
    [picture], attention = _run(memory, tmp_path)
    assert 2**27 < picture["before_bytes"] <= picture["peak_bytes"] < memory.LIMIT
    assert picture["within_limit"] == "yes" and picture["peak_ratio"] == 1
    assert [(row["method"], row["memory_ratio"]) for row in attention] == [
        ("plain", 1),
        ("blocks", 0.25),
    ]


def test_failed_measurement_is_named(monkeypatch):
    monkeypatch.setattr(memory.sys, "executable", shutil.which("false"))
    with pytest.raises(ValueError, match="plain of side 8: exit code 1"):
        memory.run_child("plain", 8)


def test_high_water_mark_stays_and_is_not_the_parents():
    """In a bare Python, which is small, started from this process, which is not."""
    program = f"""
import resource, sys
from pathlib import Path
{inspect.getsource(memory.peak_memory)}
before = peak_memory()
block = b"x" * 2**27
during = peak_memory()
del block
print(before, during, peak_memory())
"""
    output = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    before, during, after = map(int, output.stdout.split())
    assert 2**20 < before < 2**26 < memory.peak_memory()
    slack = 2**22  # the kernel counts pages in batches
    assert before + 2**27 - slack <= during <= after + slack < before + 2**28


def test_functions_are_timed_in_turn_after_warming_up():
    calls = []
    functions = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    seconds = common.time_in_turn(functions, repeats=3, warmup=2)
    assert calls == ["a", "b"] * 5
    assert [len(values) for values in seconds.values()] == [3, 3]
    assert common.rates(8, [0.5, 2.0, 4.0]) == {"median": 4, "low": 2, "high": 16, "repeats": 3}


def test_run_all_joins_the_tables_and_stops_at_a_failure(tmp_path, monkeypatch, capsys):
    def write(name):
        table = common.Table(f"Table of {name}", {"value": "the value"}, [{"value": 0.01234}], "")
        common.write_results(tmp_path, False, name, name.title(), {}, [table])

    class Done:
        returncode = 0

    def run(command, cwd):
        write(command[2].split(".")[1])
        return Done

    monkeypatch.setattr(run_all.subprocess, "run", run)
    page = tmp_path / "page.md"
    assert run_all.main(["--out", str(tmp_path), "--markdown", str(page)]) == 0
    text = page.read_text()
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## Speed", "## Pipeline", "## Memory", "## Build"]
    assert text.count("Machine: ") == 1 and text.count("| 0.0123 |") == 4
    assert "quick" not in text

    page.unlink()
    Done.returncode = 3
    assert run_all.main(["--out", str(tmp_path), "--markdown", str(page)]) == 1
    assert "benchmarks.speed failed with exit code 3" in capsys.readouterr().err
    assert not page.exists()


def test_edits(tmp_path, monkeypatch, capsys):
    """An editor that reddens the lower middle is told from one that changes everything."""
    for number in range(3):
        for name in ("mask", "nomask"):
            picture = np.full((40, 32, 3), 90 + 30 * number, np.uint8)
            write_png(tmp_path / "faces" / f"{name}_{number}.png", picture)

    def redden(model, images, differences):
        edited = images.copy()
        edited[:, 64:115, 32:96, 0] += np.uint8(np.abs(differences[:, :1, None] * 30))
        return edited + np.uint8(np.abs(differences[:, :1, None, None] * 10))

    monkeypatch.setattr(edits, "edit", redden)
    arguments = ["--data", str(tmp_path / "faces"), "--out", str(tmp_path)]
    assert edits.main(arguments) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:4]]
    assert [row[-4:] for row in rows] == [["3", "20.00", "10.00", "2.00"]] * 2
    assert read_image(tmp_path / "stgan_faces.png").shape[1] > 4 * 192
