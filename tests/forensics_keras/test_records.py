"""Strict JSON, whole files, and the versions that made results."""

import json
import os
import tomllib
from pathlib import Path

import keras
import numpy as np
import pytest

import forensics_keras
import irl_keras
import malp_keras
from forensics_keras.files import write_atomically
from forensics_keras.records import library_versions, to_json, write_json

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_libraries_have_one_version():
    assert forensics_keras.__version__ == irl_keras.__version__ == malp_keras.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {
        "attr": "forensics_keras.__version__"
    }


def test_library_versions_name_the_backend():
    versions = library_versions()
    assert {"python", "keras", keras.backend.backend(), "numpy", "opencv"} == set(versions)
    assert all(version[0].isdigit() for version in versions.values())


def test_json_is_strict_and_plain(tmp_path):
    content = {
        "mean": np.float32(0.5),
        "values": np.array([1.0, np.nan]),
        "path": Path("a") / "b.jpg",
        "nested": [(1, float("inf")), {"flag": np.bool_(True)}],
        "name": "Hund ü \udcff",
    }
    path = tmp_path / "new" / "metrics.json"
    write_json(path, content)
    assert json.loads(path.read_text()) == {
        "mean": 0.5,
        "values": [1.0, None],
        "path": os.path.join("a", "b.jpg"),
        "nested": [[1, None], {"flag": True}],
        "name": "Hund ü \udcff",
    }
    assert "\n" not in to_json(content)
    with pytest.raises(TypeError):
        to_json(object())


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "metrics.json"
    write_json(path, 1)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"2")
    assert path.read_text() == "1\n" and os.listdir(tmp_path) == ["metrics.json"]
