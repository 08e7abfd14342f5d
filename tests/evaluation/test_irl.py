"""The evaluation's command line, on forged photographs and on pair folders."""

import json
import os
import runpy
from pathlib import Path

import keras
import numpy as np
import pytest

import evaluate
from evaluation import irl
from evaluation.methods import Loaded, load_file
from forensics_keras.images import read_image, write_png
from forensics_keras.model_card import CARD_FIELDS
from irl_keras import irl_net, presets
from tests.helpers.methods import Brightness
from tests.helpers.tiny_trainings import shallow_irl_net

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def brightness(monkeypatch):
    weights = {"name": "brightness", "sha256": "0" * 64}
    monkeypatch.setattr(irl, "load", lambda run: Loaded(Brightness(), weights))


@pytest.fixture
def pair_folder(tmp_path) -> Path:
    """Two forgeries whose inpainted part is white, two untouched pictures: one has a mask."""
    folder = tmp_path / "pairs"
    for name in ("a", "b", "empty_mask", "no_mask"):
        mask = np.zeros((48, 40), np.uint8)
        if name in ("a", "b"):
            mask[8:24, 8:32] = 255
        write_png(folder / "Tp" / f"{name}.png", np.repeat(mask[..., None], 3, axis=2))
        if name != "no_mask":
            write_png(folder / "Gt" / f"{name}.png", mask)
    return folder


def _run(out: Path, *arguments: str, code: int = 0) -> dict:
    assert evaluate.main(["irl", "--out", str(out), *arguments]) == code
    return json.loads((out / "metrics.json").read_text())


def _means(summary: dict) -> dict:
    return {measure: values["mean"] for measure, values in summary["scores"].items()}


@pytest.mark.usefixtures("without_tracing")
def test_command_line_on_the_bundled_photographs(tmp_path, monkeypatch, capsys):
    arguments = {"width": 0.125}
    card = {**dict.fromkeys(CARD_FIELDS, "for a test"), "seed": 0}
    card["architecture"] = {"name": "irl_net", "arguments": arguments}
    command = ["evaluate.py", "irl", "--limit", "2", "--size", "64"]
    command += ["--preset", str(tmp_path / "preset"), "--out", str(tmp_path / "out")]
    command += ["--degradations", "clean", "jpeg:75"]
    monkeypatch.setattr("sys.argv", command)
    with shallow_irl_net():
        card = presets.save_preset(irl_net(**arguments), tmp_path / "preset", card)
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(ROOT / "evaluate.py"), run_name="__main__")
    assert not stop.value.code
    output = capsys.readouterr().out
    lines = output.split("\n")
    assert lines[0] == "for a test" and lines[2] == "Forged pictures"
    assert lines[4].split()[:4] == ["method", "inpainter", "degradation", "pictures"]
    assert [lines[row].split()[:2] for row in (6, 8)] == [["all", "zeros"], ["all", "ones"]]
    assert output.strip().endswith(f"Picture: {tmp_path / 'out' / 'grid.png'}")
    results = json.loads((tmp_path / "out" / "metrics.json").read_text())
    named = {"name": "for a test", "sha256": card["sha256"], "training": "shipped, for a test"}
    assert results["weights"] == named
    conditions = [(row["inpainter"], row["degradation"]) for row in results["forged"][3:]]
    assert conditions == [(i, d) for i in ("telea", "ns") for d in ("clean", "jpeg:75")]
    assert [row["degradation"] for row in results["untouched"][3:]] == ["clean", "jpeg:75"]
    assert all(row["pictures"] == 2 for row in results["forged"] + results["untouched"])
    assert read_image(tmp_path / "out" / "grid.png").shape[1] == 5 * (256 + 8) + 8
    assert sorted(os.listdir(tmp_path / "out")) == ["grid.png", "metrics.json", "tables.md"]


def test_same_seed_same_results_and_other_seed_other_forgeries(tmp_path, brightness):
    arguments = ["--limit", "2", "--size", "32", "--degradations", "noise:20"]
    first = _run(tmp_path / "1", *arguments)
    assert _run(tmp_path / "2", *arguments) == first
    assert (tmp_path / "1" / "grid.png").read_bytes() == (tmp_path / "2" / "grid.png").read_bytes()
    assert _run(tmp_path / "3", *arguments, "--seed", "1")["forged"] != first["forged"]


def test_pair_folder_with_untouched_pictures(tmp_path, brightness, pair_folder, capsys):
    results = _run(tmp_path / "out", "--data", str(pair_folder), "--degradations", "clean")
    assert [row["method"] for row in results["forged"]] == [
        "all zeros",
        "all ones",
        "noise",
        "brightness",
    ]
    forged, untouched = results["forged"][-1], results["untouched"][-1]
    assert (forged["inpainter"], forged["degradation"], forged["pictures"]) == ("given", "clean", 2)
    assert set(_means(forged).values()) == {1.0}
    assert untouched["pictures"] == 2
    assert _means(untouched) == {"pixels_flagged": 0, "picture_flagged": 0}
    assert [row["method"] for row in results["detection"]] == [
        row["method"] for row in results["forged"]
    ]
    assert _means(results["detection"][-1]) == {"AUC": 1, "false_alarms": 0}
    assert _means(results["detection"][0]) == {"AUC": 0.5, "false_alarms": 1}
    share = 16 * 24 / (48 * 40)
    assert _means(results["forged"][1])["precision"] == pytest.approx(share)
    per_picture = results["pictures"]["forged"]
    assert {record["picture"] for record in per_picture} == {"a", "b"}
    assert results["data"] == {"kind": "pairs", "folder": str(pair_folder), "pictures": 4}
    assert read_image(tmp_path / "out" / "grid.png").shape[1] == 4 * (256 + 8) + 8
    assert (
        "| brightness | given | clean | 2 | 1.000 (1.00-1.00) |"
        in (tmp_path / "out" / "tables.md").read_text()
    )
    assert "Untouched pictures" in capsys.readouterr().out


def test_only_untouched_pictures_give_one_table_and_no_grid(
    tmp_path, brightness, pair_folder, capsys
):
    for name in ("a", "b"):
        os.unlink(pair_folder / "Tp" / f"{name}.png")
        os.unlink(pair_folder / "Gt" / f"{name}.png")
    results = _run(tmp_path / "out", "--data", str(pair_folder))
    assert results["forged"] == [] and len(results["untouched"]) == 3 + 4
    assert not (tmp_path / "out" / "grid.png").exists()
    assert "Forged pictures" not in capsys.readouterr().out


def test_bad_pictures_are_named_and_the_others_go_on(tmp_path, brightness, pair_folder, capsys):
    (pair_folder / "Tp" / "a.png").write_bytes(b"no picture")
    write_png(pair_folder / "Gt" / "b.png", np.ones((5, 5), np.uint8))
    write_png(pair_folder / "Tp" / "small.png", np.zeros((9, 40, 3), np.uint8))
    write_png(pair_folder / "Tp" / "sub" / "c.png", np.full((20, 20, 3), 200, np.uint8))
    results = _run(tmp_path / "out", "--data", str(pair_folder), code=1)
    assert [failure["picture"] for failure in results["failed"]] == ["a", "b", "small"]
    assert results["untouched"][-1]["pictures"] == 3
    errors = capsys.readouterr().err
    assert "a.png: is not a picture" in errors
    assert "small: a picture of 40x9 pixels is too small" in errors
    assert "3 of 6 pictures failed" in errors and "Traceback" not in errors


def test_all_pictures_bad(tmp_path, brightness, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jpg").write_bytes(b"")
    command = ["irl", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "o")]
    assert evaluate.main(command) == 2
    errors = capsys.readouterr().err
    assert "a.jpg: " in errors and "none of the 1 pictures could be measured" in errors
    assert not (tmp_path / "o").exists()


def test_data_that_cannot_be_used_is_one_line(tmp_path, brightness, capsys):
    assert evaluate.main(["irl", "--data", str(tmp_path / "missing")]) == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1 and str(tmp_path / "missing") in errors


def test_unknown_weights_are_one_line(tmp_path, capsys):
    (tmp_path / "bad.keras").write_bytes(b"no model")
    assert evaluate.main(["irl", "--preset", "no_such_preset"]) == 2
    assert evaluate.main(["irl", "--weights", str(tmp_path / "bad.keras")]) == 2
    first, second = capsys.readouterr().err.strip().split("\n")
    assert "no_such_preset: neither a preset" in first and "bad.keras: not a model" in second


def test_weights_of_a_keras_file(tmp_path):
    picture = keras.Input((None, None, 3))
    scaled = keras.layers.Rescaling(1 / 255)(picture)
    model = keras.Model(picture, keras.layers.Conv2D(1, 1, activation="sigmoid")(scaled))
    model.save(tmp_path / "best.keras")
    localizer, weights = load_file(tmp_path / "best.keras", "best.keras", threshold=0.3)
    image = np.random.default_rng(0).integers(0, 256, (24, 16, 3), dtype=np.uint8)
    expected = model.predict_on_batch(image[None])[0, ..., 0]
    found = localizer.localize(image)
    np.testing.assert_allclose(found.map, expected, atol=1e-6)
    np.testing.assert_array_equal(found.mask, found.map >= 0.3)
    assert weights["name"] == localizer.name == "best.keras" and len(weights["sha256"]) == 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--degradations", "jpeg:200"], "jpeg:200"),
        (["--inpainters", "magic"], "magic"),
        (["--size", "8"], "8 is less than 16"),
        (["--threshold", "0"], "0 is not above 0"),
        (["--preset", "a", "--weights", "b.keras"], "not allowed with"),
    ],
)
def test_bad_options_are_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["irl", *arguments])
    assert stop.value.code == 2 and message in capsys.readouterr().err


def test_each_tool_counts_the_same_and_each_source_of_pristine_pictures_is_a_row(
    tmp_path, brightness
):
    """Two tools, one with three pictures that are found and one with a single one that is not."""
    found, missed = np.zeros((2, 48, 40), np.uint8)
    found[8:24, 8:32] = missed[30:40, 8:32] = 255
    white = np.repeat(found[..., None], 3, axis=2)
    for tool, masks in {"often": [found] * 3, "once": [missed]}.items():
        for number, mask in enumerate(masks):
            write_png(tmp_path / f"tools/{tool}/image/{number}.png", white)
            write_png(tmp_path / f"tools/{tool}/mask/{number}.png", mask)
    for source, grey in {"dark": 0, "bright": 255}.items():
        write_png(tmp_path / source / "a.png", np.full((40, 56, 3), grey, np.uint8))
    sources = ["--pristine", str(tmp_path / "dark"), str(tmp_path / "bright")]
    arguments = ["--data", str(tmp_path / "tools"), "--degradations", "clean"]
    results = _run(tmp_path / "out", *arguments, *sources)
    [tools] = [row for row in results["tools"] if row["method"] == "brightness"]
    assert tools["pictures"] == 2
    assert _means(tools)["F1"] == pytest.approx(0.5)
    assert {row["inpainter"] for row in results["forged"] if row["method"] == "all ones"} == {
        "often",
        "once",
    }
    flagged = {
        row["data"]: _means(row)["pixels_flagged"]
        for row in results["untouched"]
        if row["method"] == "brightness"
    }
    assert flagged == {f"{tmp_path.name}/dark": 0, f"{tmp_path.name}/bright": 1}
    assert evaluate.main(["irl", *sources, "--out", str(tmp_path / "without")]) == 2
