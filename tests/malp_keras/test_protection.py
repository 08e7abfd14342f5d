"""Protected copies: in Python against the layer, and by `python -m malp_keras protect`."""

import hashlib
import os
import re

import numpy as np
import pytest
from PIL import Image

import malp_keras
from forensics_keras import batch, images, metrics
from malp_keras import keys, malp, protection
from malp_keras.__main__ import main
from malp_keras.layers import TemplateLayer
from malp_keras.protection import protect, template_index
from tests.helpers.picture_jobs import files_in, read_report, save
from tests.helpers.protected_pictures import tiny_malp


class OfLayer:
    """All that `protect` needs of a model."""

    def __init__(self, **arguments):
        self.template_layer = TemplateLayer(**arguments)


@pytest.fixture(scope="module")
def model(tiny_preset):
    return malp_keras.from_preset(tiny_preset)


def pixels(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


# --- in Python --------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("size", [(128, 128), (300, 200), (17, 90), (50, 400), (16, 16)])
def test_protection_is_that_of_the_layer(monkeypatch, size, normalize):
    monkeypatch.setattr(protection, "_ROWS", 7)
    monkeypatch.setattr(protection, "_COLUMNS", 41)
    monkeypatch.setattr(protection, "_CHUNK", 13)
    model = OfLayer(count=2, strength=0.1, normalize=normalize, seed=3)
    image = pixels(*size)
    for index in (0, 1):
        found = protect(model, image, index)
        wanted = np.asarray(model.template_layer(image[None], np.array([index])))[0]
        assert found.dtype == np.uint8
        difference = np.abs(found - wanted)
        assert difference.max() <= 1 and np.mean(difference > 0) < 1e-3  # ties of rounding


def test_normalized_templates_have_the_same_psnr_at_any_size():
    model = OfLayer(count=1, strength=0.03, normalize=True, seed=3)
    for size in ((64, 700), (333, 222), (32, 32)):
        image = np.full((*size, 3), 100, np.uint8)
        error = protect(model, image).astype(float) - 100
        assert abs(error.mean()) < 0.05
        assert np.sqrt(np.mean(error**2)) == pytest.approx(127.5 * 0.03, abs=0.05)


def test_the_same_picture_always_gets_the_same_template(model):
    photographs = [pixels(20, 30, seed) for seed in range(30)]
    drawn = [template_index(model, image) for image in photographs]
    assert set(drawn) == {0, 1, 2}
    for image, index in zip(photographs[:6], drawn, strict=False):
        assert template_index(model, image.copy(order="F")) == index
        np.testing.assert_array_equal(protect(model, image), protect(model, image, index))
        other = protect(model, image, (index + 1) % 3)
        assert (protect(model, image) != other).any()


def test_pictures_are_not_changed_and_clipped():
    model = OfLayer(count=1, strength=0.9, seed=0)
    image = np.full((40, 40, 3), 250, np.uint8)
    assert protect(model, image).max() == 255 and (image == 250).all()


def test_bad_pictures_and_templates_are_refused(model):
    with pytest.raises(ValueError, match="too small"):
        protect(model, pixels(15, 40))
    for image in (
        pixels(20, 20).astype(np.float32),
        pixels(20, 20)[..., 0],
        pixels(20, 20)[..., :2],
    ):
        with pytest.raises(ValueError, match="must be uint8"):
            protect(model, image)
    for index in (-1, 3):
        with pytest.raises(ValueError, match="the set has 3"):
            protect(model, pixels(20, 20), index)


# --- the command ------------------------------------------------------------------------------


def test_command_writes_copies_and_report(tmp_path, tiny_preset, model, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    original = save(folder / "a/b.jpg", 50, 31)
    assert main(["protect", str(folder), "-o", str(out), "--preset", tiny_preset]) == 0
    assert files_in(out) == ["a/b.png", "report.jsonl"]
    copy = images.read_image(out / "a/b.png")
    np.testing.assert_array_equal(copy, protect(model, original))
    (line,) = read_report(out).values()
    assert 0 < line.pop("seconds") < 60
    assert set(line.pop("outputs_sha256")) == {"protected"}
    psnr, ssim = metrics.picture_psnr(copy, original), metrics.picture_ssim(copy, original)
    card = keys.read_card(tiny_preset)
    assert line == {
        "path": str(folder / "a/b.jpg"),
        "width": 31,
        "height": 50,
        "sha256": hashlib.sha256((folder / "a/b.jpg").read_bytes()).hexdigest(),
        "preset": "tiny",
        "preset_sha256": card["sha256"],
        "jpeg": None,
        "psnr": pytest.approx(psnr),
        "ssim": pytest.approx(ssim),
        "conversions": [],
        "protected": "a/b.png",
    }
    said = capsys.readouterr()
    assert said.err == "" and f"{psnr:.2f} dB, SSIM {ssim:.4f}, a/b.png" in said.out
    assert "1 input: 1 protected" in said.out


def test_metadata_is_kept_upright_and_conversions_are_told(tmp_path, tiny_preset):
    exif = Image.Exif()
    exif[0x0112], exif[0x8298] = 6, "(c) Somebody"
    icc = bytes(16) + b"RGB " + bytes(108)
    Image.new("RGBA", (40, 20), (9, 99, 199, 77)).save(
        tmp_path / "turned.png", exif=exif, icc_profile=icc
    )
    Image.fromarray(np.full((20, 20), 257 * 90, np.uint16)).save(tmp_path / "deep.png")
    for options in ([], ["--jpeg", "95"]):
        out = tmp_path / "out" / str(len(options))
        paths = [str(tmp_path / name) for name in ("turned.png", "deep.png")]
        assert main(["protect", *paths, "-o", str(out), "--preset", tiny_preset, *options]) == 0
        turned, deep = read_report(out).values()
        assert turned["conversions"] == ["transparency left out", "turned upright"]
        assert deep["conversions"] == ["16 bits reduced to 8", "greyscale stored as RGB"]
        with Image.open(out / turned["protected"]) as copy:
            assert copy.size == (20, 40) and copy.mode == "RGB"
            assert dict(copy.getexif()) == {0x8298: "(c) Somebody"}
            assert copy.info["icc_profile"] == icc
        assert abs(int(images.read_image(out / deep["protected"]).mean()) - 90) <= 1


def test_jpeg_copies_are_measured_as_stored(tmp_path, tiny_preset):
    original = save(tmp_path / "a.png", 64, 64)
    arguments = ["protect", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]
    assert main([*arguments, "--preset", tiny_preset, "--jpeg", "60"]) == 0
    (line,) = read_report(tmp_path / "out").values()
    copy = images.read_image(tmp_path / "out/a.jpg")
    assert line["jpeg"] == 60 and line["protected"] == "a.jpg"
    assert line["psnr"] == pytest.approx(metrics.picture_psnr(copy, original))
    # Another format is another copy, which must be asked for; then the old one goes.
    assert main([*arguments, "--preset", tiny_preset]) == 1
    assert main([*arguments, "--preset", tiny_preset, "--overwrite"]) == 0
    assert files_in(tmp_path / "out") == ["a.png", "report.jsonl"]


def test_a_template_that_changes_nothing_has_no_psnr(tmp_path, tiny_preset, monkeypatch, capsys):
    save(tmp_path / "a.png")
    monkeypatch.setattr(protection, "protect", lambda model, image: image)
    arguments = ["protect", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]
    for _ in range(2):  # from the report, too
        assert main([*arguments, "--preset", tiny_preset]) == 0
        assert "PSNR infinite, SSIM 1.0000" in capsys.readouterr().out
    (line,) = read_report(tmp_path / "out").values()
    assert line["psnr"] is None


def test_what_is_done_is_told_again_without_the_model(tmp_path, tiny_preset, monkeypatch, capsys):
    save(tmp_path / "in/a.png"), save(tmp_path / "in/b.png", seed=1)
    folders = str(tmp_path / "in"), "-o", str(tmp_path / "out")
    arguments = ["protect", *folders, "--preset", tiny_preset]
    assert main(arguments) == 0
    first = capsys.readouterr().out

    def written():  # when, in nanoseconds; reading must not count
        paths = [tmp_path / "out" / name for name in files_in(tmp_path / "out")]
        return {path: os.stat(path).st_mtime_ns for path in paths}

    before = written()
    monkeypatch.setattr(keys, "from_preset", None)
    assert main(arguments) == 0
    assert capsys.readouterr().out == first
    assert written() == before


def test_other_peoples_files_are_neither_replaced_nor_removed(tmp_path, tiny_preset, capsys):
    out = tmp_path / "out"
    save(tmp_path / "a.png"), save(out / "a.png", seed=1)
    (tmp_path / "b.png").write_text("no picture"), (out / "b.png").write_text("mine")
    theirs = {name: (out / name).read_bytes() for name in ("a.png", "b.png")}
    paths = [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    arguments = ["protect", *paths, "-o", str(out), "--preset", tiny_preset]
    for _ in range(2):
        assert main(arguments) == 1
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2 and "exists and is not one of its outputs" in said[0]
        assert {name: (out / name).read_bytes() for name in theirs} == theirs
    assert main([*arguments, "--overwrite"]) == 1
    assert (out / "a.png").read_bytes() != theirs["a.png"]
    assert (out / "b.png").read_bytes() == theirs["b.png"]


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_originals_are_never_replaced(tmp_path, tiny_preset, options, capsys):
    folder = tmp_path / "photographs"
    save(folder / "a.png"), save(folder / "b/b/c.png"), save(folder / "b/c.png", seed=1)
    before = {name: (folder / name).read_bytes() for name in files_in(folder)}

    def run(path):
        status = main(["protect", str(path), "-o", str(folder), "--preset", tiny_preset, *options])
        assert {name: (folder / name).read_bytes() for name in before} == before
        return status, capsys.readouterr().err

    status, said = run(folder)
    assert status == 1 and "is where the outputs go" in said
    status, said = run(folder / "a.png")
    assert status == 1 and "would replace the input" in said
    status, said = run(folder / "b")  # b/b/c.png would become b/c.png
    assert status == 1 and "would replace the input" in said and said.count("\n") == 1
    assert (folder / "c.png").exists()


class Killed(BaseException):
    """Passes every `except Exception`, as a kill does."""


def test_a_killed_run_goes_on(tmp_path, tiny_preset, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "out"
    for seed, name in enumerate("abc"):
        save(folder / f"{name}.png", seed=seed)
    arguments = ["protect", str(folder), "-o", str(out), "--preset", tiny_preset]
    append = batch.Report.append

    def append_and_die(report, line):
        append(report, line)
        if len(report.lines) == 2:  # the line of the second picture, not yet its copy
            raise Killed

    with monkeypatch.context() as patches:
        patches.setattr(batch.Report, "append", append_and_die)
        with pytest.raises(Killed):
            main(arguments)
    assert files_in(out) == ["a.png", "report.jsonl"] and len(read_report(out)) == 2
    assert main(arguments) == 0
    assert len(read_report(out)) == 3 and len(files_in(out)) == 4


def test_bad_inputs_are_reported_and_the_others_go_on(tmp_path, tiny_preset, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    save(folder / "good.png"), save(folder / "small.png", 8, 8)
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("This is no picture.")
    images.write_png(folder / "long.png", np.zeros((16, 70_000, 3), np.uint8))
    problems = {
        "small.png": "too small",
        "empty.png": "is empty",
        "text.jpg": "not a picture",
        "long.png": "JPEG's limit",
        "missing.png": "no such file",
    }
    arguments = ["protect", str(folder), str(folder / "missing.png"), "-o", str(out)]
    for _ in range(2):
        assert main([*arguments, "--preset", tiny_preset, "--jpeg", "90"]) == 1
        said = capsys.readouterr()
        assert len(said.err.splitlines()) == len(problems) and "Traceback" not in said.err
        lines = read_report(out)
        for name, reason in problems.items():
            assert re.search(reason, lines[str(folder / name)]["error"])
            assert lines[str(folder / name)]["error"] in said.err.splitlines()
        assert "5 failed, 1 protected" in said.out
    assert files_in(out) == ["good.jpg", "report.jsonl"]


def test_keys_protect_with_their_own_templates(tmp_path, tiny_preset, capsys):
    original = save(tmp_path / "a.png", 64, 64)
    model, card = tiny_malp(), keys.read_card(tiny_preset)
    keys.renew_templates(model.template_layer, seed=5)
    fields = ("architecture", "calibration")
    content = {"name": "mine", "preset": {}, "made": "-", "recipe": {}}
    keys.save_key(tmp_path / "key", model, {**content, **{f: card[f] for f in fields}})
    arguments = ["protect", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]
    assert main([*arguments, "--key", str(tmp_path / "key")]) == 0
    copy = images.read_image(tmp_path / "out/a.png").astype(int)
    assert np.abs(copy - protect(model, original)).max() <= 1  # float16
    assert np.abs(copy - protect(tiny_malp(), original)).max() > 3
    (line,) = read_report(tmp_path / "out").values()
    assert line["preset"] == "mine"
    assert line["preset_sha256"] == keys.read_key_card(tmp_path / "key")["sha256"]
    # What a preset protected is not passed off as the key's.
    assert main([*arguments, "--preset", tiny_preset]) == 1
    assert "has outputs of mine" in capsys.readouterr().err


def test_wrong_usage_exits_with_2(tmp_path, tiny_preset, capsys):
    usages = [
        ["protect"],
        ["protect", "a.png"],
        ["protect", "a.png", "-o", "out", "--jpeg", "0"],
        ["protect", "a.png", "-o", "out", "--jpeg", "101"],
        ["protect", "a.png", "-o", "out", "--jpeg", "high"],
        ["protect", "a.png", "-o", "out", "--preset", "x", "--key", "y"],
    ]
    for arguments in usages:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2 and "usage:" in capsys.readouterr().err
    save(tmp_path / "a.png")
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/report.jsonl").write_text('{"verdict": "manipulated"}\n')
    out = str(tmp_path / "out")
    cases = {
        "neither a preset": [out, "--preset", "no_such_preset"],
        "no such file": [out, "--key", str(tmp_path / "missing.key")],
        "is not a key": [out, "--key", str(tmp_path / "a.png")],
        "cannot be the output folder": [str(tmp_path / "file"), "--preset", tiny_preset],
        "not a report line": [str(tmp_path / "other"), "--preset", tiny_preset],
    }
    for reason, options in cases.items():
        assert main(["protect", str(tmp_path / "a.png"), "-o", *options]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and reason in error and error.count("\n") == 1


def test_the_paper_s_strength_is_visible():
    """23 dB or so, which the paper does not say."""
    model = malp(seed=0)
    image = np.full((128, 128, 3), 100, np.uint8)
    assert 20 < metrics.picture_psnr(protect(model, image), image) < 24
