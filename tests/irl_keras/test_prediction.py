"""`python -m irl_keras predict`, and with it what every command over many pictures promises."""

import hashlib
import json
import os
import re
import runpy
import signal
import struct
import subprocess
import sys
import zlib

import keras
import numpy as np
import pytest
from PIL import Image

import irl_keras
from forensics_keras import batch, figures, files, images, metrics
from forensics_keras.batch import Report, Source, assign_names, find_sources
from forensics_keras.localizer import Localizer
from forensics_keras.presets import save_preset
from irl_keras import prediction
from irl_keras.__main__ import main
from irl_keras.irl_net import irl_net
from irl_keras.prediction import Method, Prediction
from tests.helpers.picture_jobs import files_in, read_report, save

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.path.dirname(os.path.dirname(os.path.abspath(prediction.__file__))),
}
METHOD = Method("red", "0" * 64, 0.5)


class Red(Localizer):
    """Finds red: the probability is the red channel."""

    name = "red"

    def __init__(self):
        self.calls = 0

    def localize(self, image):
        self.calls += 1
        if min(image.shape[:2]) < 16:
            raise ValueError("too small")
        return self._found(image[..., 0] / np.float32(255))


@pytest.fixture(scope="module")
def red_weights(tmp_path_factory):
    """The same as a model file."""
    picture = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(picture, layer(picture))
    layer.set_weights([np.array([1 / 255, 0, 0], np.float32).reshape(1, 1, 3, 1)])
    path = tmp_path_factory.mktemp("weights") / "red.keras"
    model.save(path)
    return str(path)


def run(*paths, out, method=METHOD, **options):
    """Predicts with `Red`; returns the counts and how many pictures it was asked about."""
    localizer = Red()
    job = Prediction(method, lambda: localizer)
    counts = batch.run(job, [str(path) for path in paths], out, **options).counts
    return counts, localizer.calls


# --- outputs ----------------------------------------------------------------------------------


def test_command_line_writes_maps_masks_overlays_and_report(tmp_path, red_weights, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    pixels = save(folder / "a" / "b.png", 40, 30)
    assert main(["predict", str(folder), "-o", str(out), "--weights", red_weights]) == 0
    assert files_in(out) == ["mask/a/b.png", "overlay/a/b.jpg", "prob/a/b.png", "report.jsonl"]
    with Image.open(out / "prob/a/b.png") as probability:
        assert probability.mode == "L"
        np.testing.assert_array_equal(np.asarray(probability), pixels[..., 0])
    flagged = pixels[..., 0] >= 128  # 127 / 255 < 0.5
    with Image.open(out / "mask/a/b.png") as mask:
        assert mask.mode == "L"
        np.testing.assert_array_equal(np.asarray(mask), 255 * flagged.astype(np.uint8))
    overlay = images.read_image(out / "overlay/a/b.jpg").astype(int)
    expected = figures.overlay(pixels, (pixels[..., 0] / 255).astype(np.float32))
    assert overlay.shape == pixels.shape and np.abs(overlay - expected).mean() < 8
    (line,) = read_report(out).values()
    assert 0 < line.pop("seconds") < 60
    hashes = line.pop("outputs_sha256")
    assert hashes == {
        kind: hashlib.sha256((out / line[kind]).read_bytes()).hexdigest()
        for kind in ("prob", "mask", "overlay")
    }
    assert line == {
        "path": str(folder / "a" / "b.png"),
        "width": 30,
        "height": 40,
        "sha256": hashlib.sha256((folder / "a/b.png").read_bytes()).hexdigest(),
        "preset": "red.keras",
        "preset_sha256": hashlib.sha256(open(red_weights, "rb").read()).hexdigest(),
        "threshold": 0.5,
        "flagged_share": pytest.approx(flagged.mean()),
        "max_probability": pytest.approx(pixels[..., 0].max() / 255),
        "mean_probability": pytest.approx(pixels[..., 0].mean() / 255),
        "score": metrics.picture_score(pixels[..., 0] / np.float32(255)),
        "max_side": None,
        "conversions": [],
        "verdict": metrics.verdict(1.0),
        "prob": "prob/a/b.png",
        "mask": "mask/a/b.png",
        "overlay": "overlay/a/b.jpg",
    }
    captured = capsys.readouterr()
    assert "1 input: 1 " in captured.out and captured.err == ""


@pytest.mark.usefixtures("without_tracing")
def test_presets_by_folder_say_what_the_localizer_says(tmp_path):
    keras.utils.set_random_seed(0)
    model = irl_net(width=0.03, attention=False)
    # Probabilities on both sides of the threshold.
    model.get_layer("logits").bias.assign([0.1])
    architecture = {"name": "irl_net", "arguments": {"width": 0.03, "attention": False}}
    texts = ("training_data", "recipe", "commit", "measured", "limits", "intended_use", "licence")
    card = dict.fromkeys(texts, "-") | {"name": "tiny", "seed": 1, "architecture": architecture}
    card["calibration"] = {"threshold": 0.52, "data": "nothing"}
    folder = tmp_path / "tiny"
    card = save_preset(model, folder, card)
    pixels = save(tmp_path / "a.png", 21, 30)
    arguments = ["predict", str(tmp_path / "a.png"), "--preset", str(folder), "-o"]
    assert main([*arguments, str(tmp_path / "out")]) == 0
    (line,) = read_report(tmp_path / "out").values()
    localizer = irl_keras.Localizer.from_preset(folder)
    found = localizer.localize(pixels)
    assert (localizer.name, localizer.threshold) == ("tiny", 0.52)
    assert line["preset"] == "tiny" and line["preset_sha256"] == card["sha256"]
    assert line["threshold"] == found.threshold == 0.52
    assert line["verdict"] == found.verdict and line["flagged_share"] == found.flagged_share
    written = images.read_image(tmp_path / "out/prob/a.png")[..., 0]
    np.testing.assert_array_equal(written, np.rint(found.map * 255))
    assert main([*arguments, str(tmp_path / "other"), "--threshold", "0.9"]) == 0
    (line,) = read_report(tmp_path / "other").values()
    assert line["threshold"] == 0.9 and line["flagged_share"] == np.mean(found.map >= 0.9)


def test_outputs_are_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20), "red").save(tmp_path / "turned.jpg", exif=exif)
    run(tmp_path / "turned.jpg", out=tmp_path / "out")
    line = read_report(tmp_path / "out")[str(tmp_path / "turned.jpg")]
    assert (line["width"], line["height"]) == (20, 40)
    for kind in ("prob", "mask", "overlay"):
        with Image.open(tmp_path / "out" / line[kind]) as output:
            assert output.size == (20, 40)


def test_verdict_needs_more_than_a_stray_pixel(tmp_path):
    out = tmp_path / "out"
    share = {}
    for count in (0, 3, 4):  # of 4000 pixels: below and at 0.1 %
        pixels = np.zeros((40, 100, 3), np.uint8)
        pixels[0, :count, 0] = 255
        images.write_png(tmp_path / f"{count}.png", pixels)
    run(tmp_path, out=out)
    share = {os.path.basename(path): line for path, line in read_report(out).items()}
    assert share["3.png"]["verdict"] == share["0.png"]["verdict"] == metrics.verdict(0)
    assert share["4.png"]["verdict"] == metrics.verdict(1) != metrics.verdict(0)
    assert share["3.png"]["flagged_share"] == 3 / 4000


def test_overlays_of_very_long_pictures_are_scaled_down(tmp_path):
    images.write_png(tmp_path / "long.png", np.zeros((16, 70_000, 3), np.uint8))
    counts, _ = run(tmp_path / "long.png", out=tmp_path / "out")
    assert not counts["failed"]
    with Image.open(tmp_path / "out/overlay/long.jpg") as overlay:
        assert overlay.size == (35_000, 8)
    with Image.open(tmp_path / "out/prob/long.png") as probability:
        assert probability.size == (70_000, 16)


def test_bands_join_without_seams(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "_BAND_PIXELS", 100)
    pixels = save(tmp_path / "a.png", 47, 31)
    run(tmp_path / "a.png", out=tmp_path / "out")
    result = images.read_image(tmp_path / "out/prob/a.png")
    np.testing.assert_array_equal(result[..., 0], pixels[..., 0])


# --- inputs -----------------------------------------------------------------------------------


def test_folders_are_walked_in_sorted_order_without_links_and_outputs(tmp_path):
    folder = tmp_path / "in"
    for name in ("b/2.png", "b/10.JPG", "a.b/z.webp", "a/y.tiff", "c.png", "B.bmp"):
        save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    save(folder / "out" / "mask" / "old.png")
    save(tmp_path / "elsewhere" / "linked.png")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    sources, passed_over = find_sources([str(folder)], folder / "out", Prediction.outputs)
    assert passed_over == {".txt": 1, "linked folder": 1}
    names = ["B.bmp", "a/y.tiff", "a.b/z.webp", "b/10.JPG", "b/2.png", "c.png"]
    assert [source.name for source in sources] == names
    assert [source.path for source in sources] == [str(folder / name) for name in names]
    # The folder itself as output folder: only what is written there is left out.
    save(folder / "prob" / "old.png")
    outputs = Prediction.outputs
    names = [source.name for source in find_sources([str(folder)], folder, outputs)[0]]
    assert "prob/old.png" not in names and "c.png" in names


def test_inputs_given_twice_are_done_once_and_order_is_kept(tmp_path, monkeypatch):
    for name in ("x.png", "in/a.png", "in/b.png"):
        save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    given = [str(tmp_path / "x.png"), "in", "in/a.png", "./x.png", "in/../in"]
    sources, _ = find_sources(given, tmp_path / "out", Prediction.outputs)
    assert [source.name for source in sources] == ["x.png", "a.png", "b.png"]


def test_names_never_meet():
    names = ["b.jpg", "b.png", "B.PNG", "b", "b-2.png", "b.jpg", "b.png/c.jpg", "d/b.jpg", ".jpg"]
    names += ["\u00e9.png", "e\u0301.jpg", "b.jpg", "b.jpg.png"]
    sources = [Source(f"/{index}", name) for index, name in enumerate(names)]
    assigned = assign_names(sources, {})
    assert list(assigned.values()) == [
        "b",
        "b.png",
        "B.PNG-2",
        "b-2",
        "b-2.png",
        "b.jpg",
        "b.png_/c",
        "d/b",
        ".jpg",
        "\u00e9",
        "e\u0301.jpg",
        "b.jpg-2",
        "b.jpg.png",
    ]
    # A later run with other inputs keeps what is taken.
    later = assign_names([Source("/new", "b.gif"), sources[1]], assigned)
    assert later == {"/new": "b.gif", "/1": "b.png"}


def test_inputs_that_share_a_name_keep_their_own_outputs(tmp_path):
    out = tmp_path / "out"
    paths = [tmp_path / name for name in ("x/b.png", "x/b.jpg", "y/b.png", "z/B.png")]
    pixels = {str(path): save(path, seed=seed) for seed, path in enumerate(paths)}
    run(paths[0], paths[1], out=out)
    run(tmp_path / "y", paths[3], out=out)
    run(*reversed(paths), out=out, overwrite=True)
    lines = read_report(out)
    assert len({line["prob"].casefold() for line in lines.values()}) == 4
    for path, line in lines.items():
        probability = images.read_image(out / line["prob"])
        np.testing.assert_array_equal(probability[..., 0], pixels[path][..., 0])


# --- going on ---------------------------------------------------------------------------------


def test_what_is_done_is_reused_without_the_network(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    save(folder / "a.png"), save(folder / "b.png")
    assert run(folder, out=out)[1] == 2
    before = (out / "report.jsonl").read_bytes()
    times = {name: os.stat(out / name).st_mtime_ns for name in files_in(out)}

    def load():
        raise AssertionError("nothing is left to do")

    batch.run(Prediction(METHOD, load), [str(folder)], out)
    assert (out / "report.jsonl").read_bytes() == before
    assert {name: os.stat(out / name).st_mtime_ns for name in files_in(out)} == times
    save(folder / "c.png")
    (out / "mask/a.png").unlink()
    assert run(folder, out=out)[1] == 2  # the new picture and the one that lacks its mask
    assert len(read_report(out)) == 3 and (out / "mask/a.png").exists()


@pytest.mark.parametrize("change", ["picture", "weights", "scale"])
def test_outputs_of_something_else_are_not_passed_off_as_current(tmp_path, capsys, change):
    path, out, method = tmp_path / "a.png", tmp_path / "out", METHOD
    save(path)
    run(path, out=out)
    before = (out / "report.jsonl").read_bytes(), (out / "prob/a.png").read_bytes()
    if change == "picture":
        pixels = save(path, seed=1)
    elif change == "weights":
        method = METHOD._replace(preset_sha256="1" * 64)
    else:
        method = METHOD._replace(max_side=100)
    counts, calls = run(path, out=out, method=method)
    assert counts == {"failed": 1} and calls == 0
    error = capsys.readouterr().err
    assert error.startswith(f"{path}: ") and "--overwrite" in error and error.count("\n") == 1
    assert before == ((out / "report.jsonl").read_bytes(), (out / "prob/a.png").read_bytes())
    counts, calls = run(path, out=out, method=method, overwrite=True)
    assert not counts["failed"] and calls == 1
    line = read_report(out)[str(path)]
    assert line["max_side"] == method.max_side and line["preset_sha256"] == method.preset_sha256
    if change == "picture":
        result = images.read_image(out / "prob/a.png")
        np.testing.assert_array_equal(result[..., 0], pixels[..., 0])


def test_a_torn_last_line_is_done_again(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    save(folder / "a.png"), save(folder / "b.png", seed=1)
    run(folder, out=out)
    whole = read_report(out)
    report = out / "report.jsonl"
    content = report.read_bytes()
    for cut in (1, 30, len(content.splitlines()[1])):
        report.write_bytes(content[:-cut])
        read = Report(report, Prediction(METHOD, Red))
        assert list(read.lines) == [str(folder / "a.png")]
        assert report.read_bytes() == content[:-cut]
        read.compact()
        read_report(out)  # is valid again
        assert run(folder, out=out)[1] == 1
        again = read_report(out)
        for line in (*again.values(), *whole.values()):
            line.pop("seconds", None)
        assert again == whole


DEADLY = """
import os, signal, sys
from forensics_keras import files
from irl_keras.__main__ import main
link, linked = os.link, []

def link_and_die(source, target):
    link(source, target)
    linked.append(target)
    if len(linked) == 7:  # one output of the third picture
        os.kill(os.getpid(), signal.SIGKILL)

os.link = link_and_die
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path, red_weights):
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in "abcde":
        save(folder / f"{name}.png")
    arguments = ["predict", str(folder), "-o", str(out), "--weights", red_weights]
    result = subprocess.run(
        [sys.executable, "-c", DEADLY, *arguments], env=ENVIRONMENT, capture_output=True
    )
    assert result.returncode == -signal.SIGKILL
    assert len(read_report(out)) == 3
    before = {name: os.stat(out / name).st_mtime_ns for name in files_in(out)}
    assert len(before) == 3 * 2 + 1 + 1 + 3  # with the temporary names of the third picture
    assert main(arguments) == 0
    assert len(read_report(out)) == 5 and len(files_in(out)) == 3 * 5 + 1
    for name in ("prob/a.png", "overlay/b.jpg"):
        assert os.stat(out / name).st_mtime_ns == before[name]


def test_other_reports_are_left_alone(tmp_path, red_weights, capsys):
    save(tmp_path / "a.png")
    elsewhere = {kind: f"../{kind}/a.png" for kind in Prediction.outputs}
    elsewhere |= {"path": "a.png", "sha256": "0", "verdict": "-", **METHOD._asdict()}
    contents = ['{"score": 1}\n', "something\n", '["path"]\n', '{"path": []}\n']
    for content in (*contents, f"{json.dumps(elsewhere)}\n"):
        report = tmp_path / "out" / "report.jsonl"
        report.parent.mkdir(exist_ok=True)
        report.write_text(content)
        arguments = ["predict", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]
        assert main([*arguments, "--weights", red_weights]) == 2
        assert "report.jsonl: line 1 is not a report line" in capsys.readouterr().err
        assert report.read_text() == content


def test_another_threshold_is_applied_to_the_stored_maps_without_the_network(tmp_path):
    path, out = tmp_path / "a.png", tmp_path / "out"
    pixels = save(path)
    run(path, out=out)
    kept = {name: (out / name).read_bytes() for name in ("prob/a.png", "overlay/a.jpg")}
    for threshold in (0.25, 0.9, 0.5):
        counts, calls = run(path, out=out, method=METHOD._replace(threshold=threshold))
        assert counts == {"manipulated": 1} and calls == 0
        line = read_report(out)[str(path)]
        flagged = pixels[..., 0] / np.float32(255) >= threshold
        assert line["threshold"] == threshold and line["flagged_share"] == flagged.mean()
        mask = images.read_image(out / "mask/a.png")[..., 0]
        np.testing.assert_array_equal(mask, 255 * flagged.astype(np.uint8))
        assert kept == {name: (out / name).read_bytes() for name in kept}
    save(path, seed=1)
    counts, calls = run(path, out=out, method=METHOD._replace(threshold=0.3))
    assert counts == {"failed": 1} and calls == 0  # the maps are of another picture


def test_stored_maps_that_are_not_whole_are_made_again(tmp_path):
    path, out = tmp_path / "a.png", tmp_path / "out"
    save(path)
    run(path, out=out)
    (out / "prob/a.png").write_bytes(b"")
    counts, calls = run(path, out=out, method=METHOD._replace(threshold=0.3))
    assert not counts["failed"] and calls == 1


# --- bad input --------------------------------------------------------------------------------


@pytest.fixture
def bad_folder(tmp_path):
    """Every bad input and, first and last, a good one; with what must be said about each."""
    folder = tmp_path / "in"
    save(folder / "0.png"), save(folder / "z.png")
    save(folder / "one.png", 1, 1)
    save(folder / "half.jpg", 64, 64)
    content = (folder / "half.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(content[: len(content) // 2])
    (folder / "empty.png").touch()
    (folder / "text.jpg").write_text("This is no picture.")
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    with open(folder / "bomb.png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(10**6)))):
            crc = struct.pack(">I", zlib.crc32(kind + data))
            file.write(struct.pack(">I", len(data)) + kind + data + crc)
    problems = {
        "one.png": "too small",
        "half.jpg": "truncated",
        "empty.png": "is empty",
        "text.jpg": "not a picture",
        "bomb.png": "100 megapixels",
        "gone.png": "cannot be read|no such file",
    }
    (folder / "gone.png").symlink_to(folder / "nowhere")
    save(folder / "locked.png")
    (folder / "locked.png").chmod(0)
    if not os.access(folder / "locked.png", os.R_OK):  # root may read everything
        problems["locked.png"] = "may not be read"
    return folder, problems


def test_bad_inputs_are_reported_and_the_others_go_on(tmp_path, bad_folder, red_weights, capsys):
    folder, problems = bad_folder
    missing, bare, out = tmp_path / "missing.png", tmp_path / "bare", tmp_path / "out"
    bare.mkdir()
    arguments = ["predict", str(missing), str(folder), str(bare), "", "-o", str(out)]
    problems = {str(folder / name): reason for name, reason in problems.items()}
    problems |= {str(missing): "no such file", str(bare): "no pictures", "": "no such file"}
    for _ in range(2):  # bad inputs are tried again each time
        assert main([*arguments, "--weights", red_weights]) == 1
        captured = capsys.readouterr()
        stderr = captured.err.splitlines()
        assert "Traceback" not in captured.err and len(stderr) == len(problems)
        lines = read_report(out)
        for path, reason in problems.items():
            (said,) = [line for line in stderr if line.startswith(f"{path}: ")]
            assert re.search(reason, said) and said == lines[path]["error"]
            assert set(lines[path]) == {"path", "error"}
        for name in ("0.png", "z.png"):
            assert "verdict" in lines[str(folder / name)]
    assert f"{len(problems)} failed" in captured.out


def test_folders_that_cannot_be_listed_are_reported(tmp_path, monkeypatch):
    save(tmp_path / "in/a.png"), save(tmp_path / "in/locked/b.png")
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    counts, calls = run(tmp_path / "in", out=tmp_path / "out")
    assert counts["failed"] == 1 and calls == 1
    line = read_report(tmp_path / "out")[str(tmp_path / "in/locked")]
    assert "cannot be listed (Permission denied)" in line["error"]


def test_an_interruption_is_no_traceback(tmp_path, monkeypatch, red_weights, capsys):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(Prediction, "process", interrupted)
    save(tmp_path / "a.png")
    weights = ["--weights", red_weights]
    assert main(["predict", str(tmp_path), "-o", str(tmp_path / "out"), *weights]) == 130
    assert capsys.readouterr().err.startswith("interrupted;")


def test_unexpected_failures_concern_one_picture(tmp_path, capsys):
    for name in ("a.png", "b.png"):
        save(tmp_path / "in" / name)

    class Exhausted(Red):
        def localize(self, image):
            if self.calls == 0:
                self.calls += 1
                raise MemoryError("out of\nmemory")
            return super().localize(image)

    job = Prediction(METHOD, Exhausted)
    counts = batch.run(job, [str(tmp_path / "in")], tmp_path / "out").counts
    assert counts["failed"] == 1 and counts.total() == 2
    assert capsys.readouterr().err == f"{tmp_path / 'in/a.png'}: MemoryError: out of memory\n"


def test_a_picture_that_went_bad_keeps_no_outputs_when_overwritten(tmp_path):
    path, out = tmp_path / "a.png", tmp_path / "out"
    save(path)
    run(path, out=out)
    path.write_bytes(b"")
    counts, _ = run(path, out=out)
    assert counts["failed"] and "verdict" in read_report(out)[str(path)]  # the old outputs stay
    run(path, out=out, overwrite=True)
    assert "error" in read_report(out)[str(path)] and files_in(out) == ["report.jsonl"]
    save(path)
    assert not run(path, out=out)[0]["failed"] and len(files_in(out)) == 4


def test_a_file_in_the_way_of_an_output_is_reported(tmp_path, capsys):
    save(tmp_path / "in/a/b.png"), save(tmp_path / "in/c.png")
    (tmp_path / "out/mask").mkdir(parents=True)
    (tmp_path / "out/mask/a").write_text("in the way")
    counts, _ = run(tmp_path / "in", out=tmp_path / "out")
    assert counts["failed"] == 1 and counts.total() == 2
    error = capsys.readouterr().err
    assert error.startswith(str(tmp_path / "in/a/b.png")) and "mask/a" in error
    assert not (tmp_path / "out/prob/a/b.png").exists()


def test_inputs_are_never_replaced_nor_removed(tmp_path, capsys):
    out = tmp_path / "out"
    save(out / "prob/a.png"), save(out / "mask/b.png")
    (out / "overlay").mkdir()
    (out / "overlay/c.jpg").write_text("no picture")
    (tmp_path / "a.png").symlink_to(out / "prob/a.png")
    before = {name: (out / name).read_bytes() for name in files_in(out)}
    paths = [out / "prob/a.png", out / "mask/b.png", out / "overlay/c.jpg", tmp_path / "a.png"]
    for overwrite in (False, True):
        counts, calls = run(*paths, out=out, overwrite=overwrite)
        assert counts["failed"] == 3 and counts.total() == 4 and calls == 1  # the link as "a.png"
        assert capsys.readouterr().err.count("would replace the input") == 3
        assert {name: (out / name).read_bytes() for name in before} == before
    assert run(out / "prob", out=out)[0] == {"failed": 1}
    assert "is where the outputs go" in capsys.readouterr().err


# --- files of others --------------------------------------------------------------------------


def test_files_that_no_report_line_knows_are_neither_replaced_nor_removed(tmp_path, capsys):
    out = tmp_path / "out"
    save(tmp_path / "in/a.png"), save(tmp_path / "in/c.png")
    (tmp_path / "in/b.png").write_text("no picture")
    theirs = ["mask/a.png", "mask/b.png", "overlay/b.jpg"]
    for name in theirs:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(f"mine: {name}")
    for _ in range(2):
        counts, calls = run(tmp_path / "in", out=out)
        assert counts["failed"] == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 2 and f"{out / 'mask/a.png'} exists and is not one" in said[0]
        assert not (out / "prob/a.png").exists()
        assert all((out / name).read_text() == f"mine: {name}" for name in theirs)
    counts, _ = run(tmp_path / "in", out=out, overwrite=True)
    assert counts["failed"] == 1 and images.read_image(out / "mask/a.png").shape == (40, 33, 3)
    assert all((out / name).read_text() == f"mine: {name}" for name in theirs[1:])


def test_a_file_that_appears_meanwhile_stays(tmp_path, capsys):
    save(tmp_path / "a.png")

    class Slow(Red):
        def localize(self, image):
            (tmp_path / "out/mask").mkdir(parents=True)
            (tmp_path / "out/mask/a.png").write_text("mine")
            return super().localize(image)

    counts = batch.run(Prediction(METHOD, Slow), [str(tmp_path / "a.png")], tmp_path / "out").counts
    assert counts == {"failed": 1} and "a.png: " in capsys.readouterr().err
    assert files_in(tmp_path / "out") == ["mask/a.png", "report.jsonl"]
    assert (tmp_path / "out/mask/a.png").read_text() == "mine"
    assert "error" in read_report(tmp_path / "out")[str(tmp_path / "a.png")]


@pytest.mark.parametrize("layout", [("image", "mask"), ("Tp", "Gt")])
@pytest.mark.parametrize("overwrite", [False, True])
def test_outputs_never_fall_into_the_pair_folder_of_an_input(tmp_path, layout, overwrite):
    pictures, masks = (tmp_path / "pairs" / name for name in layout)
    save(pictures / "a.png"), save(masks / "a.png", seed=1), save(tmp_path / "b.png")
    before = {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)}
    for out in (tmp_path / "pairs", masks, pictures / "found", tmp_path / "pairs" / "found"):
        with pytest.raises(ValueError, match="lies in the pair folder"):
            run(tmp_path / "b.png", pictures, out=out, overwrite=overwrite)
    assert {name: (tmp_path / name).read_bytes() for name in files_in(tmp_path)} == before
    assert not run(pictures, out=tmp_path / "out")[0]["failed"]


@pytest.mark.parametrize("damage", [b"", b"something else"])
def test_damaged_outputs_are_made_again(tmp_path, damage):
    out = tmp_path / "out"
    save(tmp_path / "in/a.png"), save(tmp_path / "in/b.png", seed=1)
    run(tmp_path / "in", out=out)
    whole = (out / "mask/a.png").read_bytes()
    (out / "mask/a.png").write_bytes(damage)
    counts, calls = run(tmp_path / "in", out=out)
    assert not counts["failed"] and calls == 1
    assert (out / "mask/a.png").read_bytes() == whole


def test_outputs_that_were_changed_are_not_removed(tmp_path):
    path, out = tmp_path / "a.png", tmp_path / "out"
    save(path)
    run(path, out=out)
    (out / "mask/a.png").write_text("painted by hand")
    path.write_bytes(b"")
    run(path, out=out, overwrite=True)
    assert files_in(out) == ["mask/a.png", "report.jsonl"]


def test_a_run_that_was_killed_before_it_removed_outputs_removes_them_later(tmp_path):
    path, out = tmp_path / "a.png", tmp_path / "out"
    save(path)
    run(path, out=out)
    path.write_bytes(b"")
    Report(out / "report.jsonl", Prediction(METHOD, Red)).append({"path": str(path), "error": "-"})
    assert len((out / "report.jsonl").read_bytes().splitlines()) == 2
    run(path, out=out)
    assert files_in(out) == ["report.jsonl"]
    assert "is empty" in read_report(out)[str(path)]["error"]


def test_broken_weights_change_nothing(tmp_path, red_weights, capsys):
    save(tmp_path / "in/a.png"), save(tmp_path / "in/b.png", seed=1)
    (tmp_path / "broken.keras").write_text("no model")
    arguments = ["predict", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--weights"]
    assert main([*arguments, red_weights]) == 0
    with open(tmp_path / "out/report.jsonl", "ab") as file:
        file.write(b'{"path": "torn')
    before = {name: (tmp_path / "out" / name).read_bytes() for name in files_in(tmp_path / "out")}
    assert main([*arguments, str(tmp_path / "broken.keras"), "--overwrite"]) == 2
    assert "broken.keras" in capsys.readouterr().err
    after = {name: (tmp_path / "out" / name).read_bytes() for name in files_in(tmp_path / "out")}
    assert after == before


def test_two_commands_never_write_into_one_folder(tmp_path):
    save(tmp_path / "a.png")
    with files.locked(tmp_path / "out"), pytest.raises(OSError, match="another process writes"):
        run(tmp_path / "a.png", out=tmp_path / "out")


def test_any_legal_name_of_an_input_works(tmp_path):
    names = [
        "n" * 255,
        "n" * 251 + ".png",
        "-a.png",
        "a\nb.png",
        "\u00e9" * 125 + ".tiff",
        "n" * 254,
    ]
    names += ["\u00e9" * 125 + ".tiff", os.fsdecode(b"\xff.png"), " .png", "\u202egnp.png"]
    pixels = {
        str(tmp_path / "in" / name): save(tmp_path / "in" / name, seed=len(name)) for name in names
    }
    counts, _ = run(*pixels, out=tmp_path / "out")
    assert not counts["failed"]
    lines = read_report(tmp_path / "out")
    for path, wanted in pixels.items():
        found = images.read_image(tmp_path / "out" / lines[path]["prob"])
        np.testing.assert_array_equal(found[..., 0], wanted[..., 0])


# --- the terminal -----------------------------------------------------------------------------


def test_names_cannot_forge_lines_nor_steer_the_terminal(tmp_path, red_weights, capsys):
    name = "\x1b[2J\na.png: nothing found\r\u202e.png"
    (tmp_path / name).write_text("no picture")
    (tmp_path / "\x1b]0;title\x07.\x1b[31m").write_text("not looked at")
    assert (
        main(["predict", str(tmp_path), "-o", str(tmp_path / "out"), "--weights", red_weights]) == 1
    )
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and "\\x1b[2J\\na.png" in said.err
    assert not set(said.out + said.err) & set("\x1b\r\x07\u202e")
    assert "passed over in the folders: 1 .\\x1b[31m" in said.out


def test_wrong_output_folders_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["predict", "a.png", "-o", ""])
    assert caught.value.code == 2 and "the path is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["predict"],
        ["predict", "a.png"],
        ["predict", "a.png", "-o", "out", "--threshold", "0"],
        ["predict", "a.png", "-o", "out", "--threshold", "1.5"],
        ["predict", "a.png", "-o", "out", "--threshold", "high"],
        ["predict", "a.png", "-o", "out", "--threshold", "nan"],
        ["predict", "a.png", "-o", "out", "--preset", "x", "--weights", "y"],
    ],
)
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2 and "usage:" in capsys.readouterr().err


def test_unusable_weights_and_output_folders_exit_with_2(tmp_path, red_weights, capsys):
    save(tmp_path / "a.png")
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "file").write_text("no folder")
    picture, out = str(tmp_path / "a.png"), str(tmp_path / "out")
    cases = {
        "no such file": [out, "--weights", str(tmp_path / "missing.keras")],
        "not a model": [out, "--weights", str(tmp_path / "text.keras")],
        "no_such_preset": [out, "--preset", "no_such_preset"],
        "cannot be the output folder": [str(tmp_path / "file"), "--weights", red_weights],
    }
    for reason, options in cases.items():
        assert main(["predict", picture, "-o", *options]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and reason in error and error.count("\n") == 1
    assert not os.path.exists(os.path.join(out, "report.jsonl"))


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_as_a_program(tmp_path, red_weights, monkeypatch, capsys):
    save(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    command = ["irl_keras", "predict", "a.png", "missing.png", "-o", "out"]
    monkeypatch.setattr(sys, "argv", [*command, "--weights", red_weights])
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("irl_keras", run_name="__main__")
    assert caught.value.code == 1
    assert f"{tmp_path / 'missing.png'}: no such file" in capsys.readouterr().err
    assert len(read_report(tmp_path / "out")) == 2
