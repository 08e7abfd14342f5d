"""python -m datasets.build: same bytes always, whatever stops it, and what it refuses."""

import errno
import hashlib
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from datasets import build
from datasets.forging import Window, crop, whole_picture
from datasets.inpainting import FAMILIES, inpaint, weights_sha256
from datasets.mask_kinds import draw_mask
from datasets.masks import free_form_mask
from datasets.pairs import find_pairs, read_pair
from datasets.photographs.selection import select, write_selection
from datasets.photographs.sources import bundled_photographs
from forensics_keras.images import read_image, write_jpeg, write_png

ROOT = Path(__file__).resolve().parents[2]
COUNT = 20
GOES_ON = "; what was built is readable, and the same command goes on when the cause is mended"
NETWORKS = ("--inpainters", "resynth", "telea", "--count", "24")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Small photographs in two official parts."""
    folder = tmp_path_factory.mktemp("photographs")
    for part in ("train", "test"):
        for path in bundled_photographs(part):
            picture = read_image(path)
            write_jpeg(folder / part / path.name, np.ascontiguousarray(picture[:160:, :120]), 90)
    return folder


def options(photographs):
    return [
        *("--data", str(photographs), "--split", "train", "--inpainters", "telea", "ns"),
        *("--count", str(COUNT), "--size", "64", "--workers", "1"),
    ]


def arguments(photographs, out, *more):
    return [*options(photographs), "--out", str(out), *more]


@pytest.fixture(scope="module")
def built(photographs, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "pairs"
    assert build.main(arguments(photographs, out)) == 0
    return out


def hashes(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def records(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


def test_the_manifest_says_how_each_pair_was_made(built, photographs):
    pairs = find_pairs(built)
    assert len(pairs) == len(records(built)) == COUNT
    for pair, record in zip(pairs, records(built), strict=True):
        image, mask = read_pair(pair)
        photograph = read_image(photographs / record["photograph"])
        original = crop(photograph, Window(**record["window"]), 64)
        np.testing.assert_array_equal(mask, free_form_mask(64, 64, record["mask_seed"]))
        filled = inpaint(record["inpainter"], original[None], mask[None])[0]
        np.testing.assert_array_equal(image, filled)
        assert record["mask_share"] == pytest.approx(mask.mean(), abs=1e-6)
    assert {record["inpainter"] for record in records(built)} == {"telea", "ns"}
    assert {record["photograph"].split("/")[0] for record in records(built)} == {"train"}


def test_masks_of_a_kind_are_drawn_from_the_recorded_seed(photographs, tmp_path):
    more = ("--masks", "scratches", "--count", "2")
    assert build.main(arguments(photographs, tmp_path / "thin", *more)) == 0
    for pair, record in zip(find_pairs(tmp_path / "thin"), records(tmp_path / "thin"), strict=True):
        rng = np.random.default_rng(record["mask_seed"])
        np.testing.assert_array_equal(read_pair(pair)[1], draw_mask("scratches", 64, 64, rng))
    assert json.loads((tmp_path / "thin/build.json").read_text())["masks"] == "scratches"


def test_networks_are_named_with_their_weights(photographs, tmp_path):
    assert build.main(arguments(photographs, tmp_path / "one", *NETWORKS)) == 0
    drawn = records(tmp_path / "one")
    assert {record["weights_sha256"] for record in drawn[1::2]} == {None}
    assert len({record["inpainter"] for record in drawn[::2]}) > 3
    for record in drawn[::2]:
        assert record["inpainter"] in FAMILIES["resynth"]
        assert record["weights_sha256"] == weights_sha256(record["inpainter"])


@pytest.mark.slow
def test_networks_fill_alike_in_any_number_of_processes(photographs, tmp_path):
    for out, workers in (("one", "1"), ("two", "2")):
        more = (*NETWORKS, "--workers", workers)
        assert build.main(arguments(photographs, tmp_path / out, *more)) == 0
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_untouched_pictures_are_the_crops_themselves(photographs, tmp_path):
    more = ("--inpainters", "none", "telea", "--count", "6")
    assert build.main(arguments(photographs, tmp_path / "pairs", *more)) == 0
    pairs = find_pairs(tmp_path / "pairs")
    for pair, record in zip(pairs, records(tmp_path / "pairs"), strict=True):
        image, mask = read_pair(pair)
        photograph = read_image(photographs / record["photograph"])
        untouched = np.array_equal(image, crop(photograph, Window(**record["window"]), 64))
        assert untouched == (not mask.any()) == (record["inpainter"] == "none")
    assert [record["inpainter"] for record in records(tmp_path / "pairs")] == ["none", "telea"] * 3


def test_seeds_and_counts(built, photographs, tmp_path, monkeypatch):
    assert build.main(arguments(photographs, tmp_path / "grown", "--count", "5")) == 0
    assert build.main(arguments(photographs, tmp_path / "grown")) == 0
    assert hashes(tmp_path / "grown") == hashes(built)
    assert COUNT % build.BATCH
    monkeypatch.setattr(build, "write_unit", lambda *_: pytest.fail("made again"))
    assert build.main(arguments(photographs, tmp_path / "grown")) == 0
    monkeypatch.undo()
    assert build.main(arguments(photographs, tmp_path / "other", "--seed", "1")) == 0
    other = hashes(tmp_path / "other")
    assert all(other[name] != value for name, value in hashes(built).items())


@pytest.mark.slow
def test_killed_ten_times_it_ends_with_the_same_files(photographs, tmp_path):
    """One process starts Keras once and forks the builds that it kills."""
    program = """
        import os, random, signal, sys, time
        from datasets import build

        def start(out):
            child = os.fork()
            if child == 0:
                os._exit(build.main([*sys.argv[3:], "--out", out]))
            return child

        begin = time.monotonic()
        assert os.waitpid(start(sys.argv[1]), 0)[1] == 0
        seconds = time.monotonic() - begin
        moments = random.Random(0)
        killed = 0
        for _ in range(10):
            child = start(sys.argv[2])
            time.sleep(moments.uniform(0, 0.3 * seconds))
            os.kill(child, signal.SIGKILL)
            killed += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        assert os.waitpid(start(sys.argv[2]), 0)[1] == 0
        print("killed", killed)
    """
    outs = str(tmp_path / "whole"), str(tmp_path / "killed")
    command = [sys.executable, "-c", textwrap.dedent(program), *outs, *options(photographs)]
    environment = {**os.environ, "KERAS_BACKEND": "numpy"}
    result = subprocess.run(
        [*command, "--count", "160"], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert int(result.stdout.split()[-1]) >= 5
    assert hashes(tmp_path / "killed") == hashes(tmp_path / "whole")
    assert len(find_pairs(tmp_path / "killed")) == 160


def test_a_full_disk_leaves_a_readable_data_set(built, photographs, tmp_path, monkeypatch, capsys):
    out = tmp_path / "pairs"
    write_bytes, written = Path.write_bytes, []

    def until_full(path, data):
        written.append(path)
        if len(written) > 38:
            write_bytes(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write_bytes(path, data)

    with monkeypatch.context() as context:
        context.setattr(Path, "write_bytes", until_full)
        assert build.main(arguments(photographs, out)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ") and "No space left on device" in error
    assert error.endswith(GOES_ON)
    pairs = find_pairs(out)
    assert 16 <= len(pairs) < COUNT
    for pair in pairs:
        assert read_pair(pair)[1].any()
    assert build.main(arguments(photographs, out)) == 0
    assert hashes(out) == hashes(built)


def test_unreadable_photographs_are_named_and_skipped(photographs, tmp_path, capsys):
    source = tmp_path / "source"
    for path in (photographs / "train").iterdir():
        write_png(source / "train" / path.name, read_image(path))
    (source / "train" / "broken.jpg").write_bytes(b"no picture")
    (source / "test").mkdir()
    assert build.main(arguments(source, tmp_path / "pairs")) == 1
    errors = capsys.readouterr().err
    assert errors.count("broken.jpg") == 1 and "skipped 1 photograph\n" in errors
    assert len(find_pairs(tmp_path / "pairs")) == COUNT
    for path in (source / "train").iterdir():
        path.write_bytes(b"no picture")
    assert build.main(arguments(source, tmp_path / "none")) == 2
    assert "none of 7 photographs can be read" in capsys.readouterr().err


def test_records_hold_the_same_pairs(built, photographs, tmp_path):
    tfrecords = pytest.importorskip("datasets.tfrecords")
    out = tmp_path / "records"
    assert build.main(arguments(photographs, out, "--format", "tfrecord")) == 0
    assert records(out) == records(built)
    examples = list(tfrecords.read_tfrecords(out).as_numpy_iterator())
    assert [json.loads(record) for _, _, record in examples] == records(built)
    for pair, (image, mask, _) in zip(find_pairs(built), examples, strict=True):
        np.testing.assert_array_equal(image, read_pair(pair)[0])
        np.testing.assert_array_equal(mask[..., 0], read_pair(pair)[1])


def test_holes_may_come_from_a_folder(photographs, tmp_path, capsys):
    hole = np.zeros((128, 128), np.uint8)
    hole[32:64, 32:96] = 255
    write_png(tmp_path / "holes" / "a.png", hole)
    more = ("--masks", str(tmp_path / "holes"))
    assert build.main(arguments(photographs, tmp_path / "pairs", *more)) == 0
    mask = read_pair(find_pairs(tmp_path / "pairs")[0])[1]
    np.testing.assert_array_equal(mask, hole[::2, ::2] // 255)
    write_png(tmp_path / "holes" / "a.png", 0 * hole)
    assert build.main(arguments(photographs, tmp_path / "empty", *more)) == 2
    assert "a.png: at 64 pixels the mask is empty or full" in capsys.readouterr().err


def test_selections_are_followed(photographs, tmp_path, capsys):
    selection = select("folder", photographs, {"train": 2}, seed=3)
    write_selection(tmp_path / "two.json", selection)
    more = ("--selection", str(tmp_path / "two.json"))
    assert build.main(arguments(photographs, tmp_path / "pairs", *more)) == 0
    used = {record["photograph"] for record in records(tmp_path / "pairs")}
    assert used == set(selection.parts["train"])
    assert build.main(arguments(photographs, tmp_path / "no", *more, "--split", "test")) == 2
    assert "selects train of the layout folder, not test" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--seed", "7"), "another data set is in this folder (listed_sha256, seed differ)"),
        (("--size", "96"), "another data set is in this folder (size differ)"),
        (("--count", "3"), "has more than 3 pairs already"),
    ],
    ids=["seed", "size", "count"],
)
def test_another_data_set_is_not_mixed_in(built, photographs, capsys, more, message):
    before = hashes(built)
    assert build.main(arguments(photographs, built, *more)) == 2
    assert message in capsys.readouterr().err
    assert hashes(built) == before


def test_tests_are_not_built_from_training_photographs(photographs, tmp_path, capsys):
    more = ("--split", "test")
    assert build.main(arguments(photographs / "train", tmp_path / "pairs", *more)) == 2
    assert "has the photographs of the part 'train', but 'test' is asked for" in (
        capsys.readouterr().err
    )


def test_folders_with_other_files_are_refused(photographs, tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("Dear all")
    assert build.main(arguments(photographs, tmp_path)) == 2
    assert "has other files" in capsys.readouterr().err


@pytest.mark.parametrize(("old", "new"), [("--source", "--data"), ("--inpainter", "--inpainters")])
def test_old_names_of_options_lead_to_the_new_ones(photographs, tmp_path, capsys, old, new):
    renamed = [old if option == new else option for option in arguments(photographs, tmp_path)]
    with pytest.raises(SystemExit) as ended:
        build.main(renamed)
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {old} is called {new} now\n"
    assert not list(tmp_path.iterdir())


def test_whole_pictures_are_scaled(photographs, tmp_path, capsys):
    out = tmp_path / "pairs"
    more = ("--inpainters", "telea", "--count", "3", "--whole")
    assert build.main(arguments(photographs, out, *more)) == 0
    for pair, record in zip(find_pairs(out), records(out), strict=True):
        image, mask = read_pair(pair)
        expected = whole_picture(read_image(photographs / record["photograph"]), 64)
        np.testing.assert_array_equal(image[mask == 0], expected[mask == 0])
        assert record["window"] is None and mask.any()
    assert build.main(arguments(photographs, out, *more[:-1])) == 2
    assert "whole differ" in capsys.readouterr().err
