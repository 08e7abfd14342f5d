"""Tables, JSON files, the picture grid and the heat map."""

import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest

from forensics_keras import figures
from forensics_keras.figures import overlay, picture_grid
from forensics_keras.files import write_atomically
from forensics_keras.records import library_versions, to_json, write_json
from forensics_keras.tables import format_interval, markdown_table, summary_rows, text_table

ROWS = [
    {"method": "all zero", "pictures": 4, "F1": "0.000\n0.00-0.00"},
    {"method": "a|b", "pictures": 12, "F1": "-"},
]


def test_format_interval():
    assert format_interval({"mean": 0.91234, "low": 0.887, "high": 1}) == "0.912\n0.89-1.00"
    assert format_interval({"mean": 99.5, "low": 99, "high": 100}, 0) == "100\n99-100"
    assert format_interval(dict.fromkeys(("mean", "low", "high"), float("nan"))) == "-"


def test_text_table_aligns_words_left_and_numbers_right():
    assert text_table(ROWS).split("\n") == [
        "method    pictures         F1",
        "--------  --------  ---------",
        "all zero         4      0.000",
        "                    0.00-0.00",
        "a|b             12          -",
    ]


def test_markdown_table():
    assert markdown_table(ROWS).split("\n") == [
        "| method | pictures | F1 |",
        "| --- | ---: | ---: |",
        "| all zero | 4 | 0.000 (0.00-0.00) |",
        "| a\\|b | 12 | - |",
    ]


def test_summary_rows():
    score = {"mean": 0.5, "low": 0.25, "high": 0.75}
    summary = {"method": "noise", "pictures": 3, "scores": {"F1": score, "AUC": score}}
    assert summary_rows([summary], {"F1": "F1 (%)"}) == [
        {"method": "noise", "pictures": 3, "F1 (%)": "0.500\n0.25-0.75"}
    ]


def test_library_versions_name_the_backend():
    versions = library_versions()
    assert {"python", "keras", keras.backend.backend(), "numpy", "opencv"} == set(versions)
    assert all(version[0].isdigit() for version in versions.values())


@pytest.mark.parametrize("render", [text_table, markdown_table])
def test_tables_refuse_no_rows_and_ragged_rows(render):
    with pytest.raises(ValueError, match="at least one row"):
        render([])
    with pytest.raises(ValueError, match="differ in their columns"):
        render([{"a": 1}, {"b": 1}])


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


def test_picture_grid_places_pictures_in_equal_cells():
    red = np.zeros((40, 20, 3), np.uint8)
    red[..., 0] = 255
    half = np.full((10, 10), 0.5, np.float32)
    truth = np.zeros((300, 300), bool)
    truth[:150] = True
    grid = picture_grid(
        [("first", [red, half, truth]), ("second" * 90, [red, half, truth])],
        ["original", "probability map", "truth"],
        cell=64,
    )
    gap, text = 4, 11
    assert grid.dtype == np.uint8
    assert grid.shape == (text + 2 * gap + 2 * (64 + text + 3 * gap), 3 * (64 + gap) + gap, 3)
    for top in (text + 2 * gap, text + 2 * gap + 64 + text + 3 * gap):
        first, second, third = (
            grid[top : top + 64, left : left + 64] for left in (gap, 2 * gap + 64, 3 * gap + 128)
        )
        assert (first[:, 16:48] == (255, 0, 0)).all() and (first[:, :16] == 255).all()
        assert (second == 128).all()
        assert (third[:30] > 250).all() and (third[34:] < 5).all()  # but for the scaling
    header, label = grid[: text + 2 * gap], grid[-text - 2 * gap :]
    assert header.min() < 100 and label.min() < 200
    assert (label[:, -gap:] == 255).all()  # the long label is cut before the margin


def test_picture_grid_refuses_missing_pictures():
    with pytest.raises(ValueError, match="at least one row"):
        picture_grid([], ["original"])
    with pytest.raises(ValueError, match="a.jpg: 1 pictures for 2 headers"):
        picture_grid([("a.jpg", [np.zeros((8, 8))])], ["original", "truth"])


def test_overlay_is_transparent_at_zero_and_grows_with_the_probability(monkeypatch):
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (33, 7, 3), dtype=np.uint8)
    assert (overlay(image, np.zeros((33, 7), np.float32)) == image).all()
    changes = [
        np.abs(overlay(image, np.full((33, 7), p, np.float32)).astype(int) - image).mean()
        for p in (0.05, 0.3, 0.6, 1.0)
    ]
    assert changes[0] < 8 and changes == sorted(changes) and changes[-1] > 50
    probability = random.random((33, 7)).astype(np.float32)
    whole = overlay(image, probability)
    monkeypatch.setattr(figures, "_BAND_PIXELS", 28)
    assert (overlay(image, probability) == whole).all()
    with pytest.raises(ValueError, match="differ in size"):
        overlay(image, probability[:-1])
