"""Measures of fills against simple formulas, and the command that compares inpainters."""

import json
import runpy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evaluate
from datasets.masks import free_form_mask
from datasets.photographs.sources import bundled_photographs
from evaluation.inpainters import DIGITS, hole_scores
from forensics_keras.images import read_image


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


def square_hole(side=48, start=12, stop=36):
    mask = np.zeros((side, side), np.uint8)
    mask[start:stop, start:stop] = 1
    return mask


def test_equal_pictures_have_the_best_scores(photograph):
    picture = photograph[:70, :85]
    scores = hole_scores(picture, picture, free_form_mask(70, 85, seed=0))
    expected = {"L1": 0, "PSNR": 58.92, "SSIM": 1, "perceptual": 0, "texture": 0}
    assert list(scores) == list(DIGITS)
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, abs=0.01), name


def test_l1_and_psnr_equal_the_formulas():
    original, mask = noise(48, 48, 3), square_hole()
    completed = noise(48, 48, 3, seed=1)
    difference = (completed.astype(float) - original)[mask == 1]
    scores = hole_scores(completed, original, mask)
    assert scores["L1"] == pytest.approx(np.abs(difference).mean() / 255)
    assert scores["PSNR"] == pytest.approx(20 * np.log10(255 / np.sqrt((difference**2).mean())))


def test_ssim_equals_the_formula_window_by_window():
    original, mask = noise(40, 44, 3), np.zeros((40, 44), np.uint8)
    mask[3:30, 5:44] = 1  # up to the border, where pictures are reflected
    completed = np.where(mask[..., None] == 1, noise(40, 44, 3, seed=1) // 2 + 60, original)
    axis = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(axis, axis) / np.outer(axis, axis).sum()
    a, b = (np.pad(x.astype(float), [(5, 5), (5, 5), (0, 0)], mode="symmetric")
            for x in (completed.astype(np.uint8), original))  # fmt: skip
    values = []
    for row, column in np.argwhere(mask):
        for channel in range(3):
            x, y = (p[row : row + 11, column : column + 11, channel] for p in (a, b))
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
            cov = (window * (x - mx) * (y - my)).sum()
            c1, c2 = 2.55**2, 7.65**2
            values.append(
                (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
            )
    scores = hole_scores(completed.astype(np.uint8), original, mask)
    assert scores["SSIM"] == pytest.approx(np.mean(values), abs=1e-6)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_only_the_hole_counts_and_bounds_hold(seed):
    original, completed = noise(48, 48, 3, seed=seed), noise(48, 48, 3, seed=seed + 1)
    mask = free_form_mask(48, 48, seed)
    scores = hole_scores(completed, original, mask)
    elsewhere = np.where(mask[..., None] == 1, completed, 7).astype(np.uint8)
    assert hole_scores(elsewhere, original, mask) == scores
    assert 0 <= scores["L1"] <= 1 and 0 <= scores["PSNR"] <= 58.93
    assert -1 <= scores["SSIM"] <= 1
    assert 0 <= scores["perceptual"] <= 2 and 0 <= scores["texture"] <= 2


def test_texture_at_other_places_is_better_than_none():
    original, mask = noise(96, 96, 3) // 2 + 64, square_hole(96, 24, 72)
    flat = np.full_like(original, 127)
    moved = np.roll(original, (7, 11), axis=(0, 1))
    flat, moved = (hole_scores(x, original, mask) for x in (flat, moved))
    assert flat["L1"] < moved["L1"] and flat["PSNR"] > moved["PSNR"]
    assert moved["texture"] < 0.2 * flat["texture"]


def test_larger_errors_have_larger_distances(photograph):
    picture, mask = photograph[:96, :96], free_form_mask(96, 96, seed=0)
    random = np.random.default_rng(0).standard_normal(picture.shape)
    found = [
        hole_scores(np.uint8(np.clip(picture + s * random, 0, 255)), picture, mask)
        for s in (2, 8, 32)
    ]
    for name in DIGITS:
        values = [scores[name] for scores in found]
        assert values == sorted(values, reverse=name in ("PSNR", "SSIM")), name


def test_errors_name_the_cause():
    picture, mask = noise(32, 32, 3), square_hole(32, 8, 20)
    with pytest.raises(ValueError, match="empty"):
        hole_scores(picture, picture, np.zeros_like(mask))
    with pytest.raises(ValueError, match="do not fit"):
        hole_scores(picture, picture, mask[:20])
    with pytest.raises(ValueError, match="do not fit"):
        hole_scores(picture[:20], picture, mask)
    with pytest.raises(ValueError, match="uint8"):
        hole_scores(picture / 255, picture, mask)


# --- the command ------------------------------------------------------------------------------


def run(out, *options):
    return evaluate.main(["inpainters", "--size", "64", "--out", str(out), *map(str, options)])


def results(out):
    return json.loads((out / "metrics.json").read_text())


def test_command_on_the_bundled_photographs(tmp_path, capsys):
    assert run(tmp_path / "a", "--inpainters", "ns", "--count", 8) == 0
    found = results(tmp_path / "a")
    assert [summary["inpainter"] for summary in found["inpainters"]] == ["telea", "ns"]
    assert [summary["pictures"] for summary in found["inpainters"]] == [8, 8]
    assert [summary["inpainter"] for summary in found["differences"]] == ["ns"]
    # More crops than photographs: each is taken once before any is taken again.
    names = [record["picture"] for record in found["pictures"] if record["inpainter"] == "ns"]
    assert len(set(names)) == 8 and sum(name.endswith("#1") for name in names) == 6
    by = {name: [r["scores"]["L1"] for r in found["pictures"] if r["inpainter"] == name]
          for name in ("telea", "ns")}  # fmt: skip
    difference = found["differences"][0]["scores"]["L1"]["mean"]
    assert difference == pytest.approx(np.mean(np.subtract(by["ns"], by["telea"])))
    output = capsys.readouterr().out
    assert "Paired difference to telea" in output and " to " in output
    assert "| telea | 8 |" in (tmp_path / "a/tables.md").read_text()
    grid = read_image(tmp_path / "a/grid.png")
    assert grid.shape[1] > 4 * 256

    assert run(tmp_path / "b", "--inpainters", "ns", "--count", 8) == 0
    assert results(tmp_path / "b") == found
    assert run(tmp_path / "c", "--inpainters", "telea", "--count", 2, "--seed", 1) == 0
    assert results(tmp_path / "c")["pictures"] != found["pictures"][:2]


def test_unreadable_photographs_are_named(tmp_path, capsys):
    source = tmp_path / "photographs"
    source.mkdir()
    (source / "bad.jpg").write_bytes(b"not a picture")
    (source / "good.jpg").write_bytes(bundled_photographs("test")[0].read_bytes())
    assert run(tmp_path / "out", "--data", source, "--inpainters", "telea") == 1
    assert "bad.jpg" in capsys.readouterr().err
    assert [f["picture"] for f in results(tmp_path / "out")["failed"]] == ["bad.jpg #1"]
    assert run(tmp_path / "out", "--data", tmp_path / "missing") == 2
    assert "missing" in capsys.readouterr().err


def test_unknown_inpainters_and_old_names_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, "--inpainters", "nobody")
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, "--source", tmp_path)
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: --source is called --data now\n"
    with pytest.raises(SystemExit) as stop:
        runpy.run_module("datasets.inpainting.quality", run_name="__main__")
    said = "error: this command is called python evaluate.py inpainters now"
    assert (stop.value.code, capsys.readouterr().err) == (2, f"{said}\n")
