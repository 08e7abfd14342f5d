"""The tables about IRL-Net: what is in them, that their command makes them, what it refuses."""

import hashlib
import inspect
import json
from dataclasses import replace

import keras
import numpy as np
import pytest

import evaluate
from datasets.forging import whole_picture
from datasets.inpainting import INPAINTERS
from datasets.pairs import find_pairs, read_pair
from datasets.photographs.selection import select, write_selection
from datasets.photographs.sources import bundled_photographs, photographs_of
from evaluation import methods
from evaluation.methods import Loaded
from evaluation.tables import core, irl
from evaluation.tables.core import Budget, Trainings
from forensics_keras.files import write_atomically
from forensics_keras.images import read_image, write_png
from irl_keras import presets
from irl_keras.losses import IRLLoss
from irl_keras.networks import NETWORKS, Network
from tests.helpers.made_up import make_celeba
from tests.helpers.methods import Brightness

SMALL = ["--quick", "--size", "32", "--limit", "2"]
WEIGHTS = {"sha256": "0" * 64, "training": "for a test"}


@pytest.fixture
def tiny(monkeypatch):
    """Networks of one convolution, trained for two steps."""

    def build(width=1.0, **_):
        picture = keras.Input((None, None, 3))
        x = keras.layers.Rescaling(width / 255)(picture)
        return keras.Model(picture, keras.layers.Conv2D(1, 1, activation="sigmoid")(x))

    for name in list(NETWORKS):
        monkeypatch.setitem(NETWORKS, name, Network(build, lambda **_: IRLLoss()))
    monkeypatch.setattr(presets, "list_presets", lambda: [])
    quick = Budget(size=32, batch_size=2, epochs=1, steps=2, model={"width": 0.5})
    monkeypatch.setattr(irl, "QUICK", quick)


@pytest.fixture
def trained(monkeypatch):
    """Tables whose networks all have weights; one shipped preset."""

    def loaded(method, training):
        return Loaded(Brightness(method), {"name": training, **WEIGHTS})

    monkeypatch.setattr(presets, "list_presets", lambda: ["irl_small"])
    monkeypatch.setattr(Trainings, "is_trained", lambda self, row: True)
    monkeypatch.setattr(
        Trainings, "load", lambda self, row, threshold: loaded(row.method, row.training)
    )
    monkeypatch.setattr(
        methods, "load_irl_preset", lambda preset, threshold, name: loaded(name, preset)
    )


def run(out, *arguments, code=0):
    assert evaluate.main(["irl", "--out", str(out), "--table", *arguments]) == code
    folder = out / "quick" if "--quick" in arguments else out
    return json.loads((folder / f"irl_table_{arguments[0]}.json").read_text())


def rows_of(number):
    return irl.all_rows(number, None, ["irl_small"])


@pytest.mark.parametrize("number", irl.TABLES)
def test_rows_name_networks_that_exist_and_see_the_same_crops(number):
    trained_rows = [row for row in rows_of(number) if row.trained_on]
    efforts, recipes = set(), {}
    for row in trained_rows:
        experiment = row.experiment(Budget())
        inspect.signature(NETWORKS[experiment.network].build).bind(**experiment.model)
        assert tuple(experiment.recipe.inpainters) == row.trained_on
        recipes.setdefault(row.trained_on, []).append(experiment.recipe)
        efforts.add((experiment.batch_size, experiment.epochs, experiment.steps_per_epoch))
    assert len(efforts) == 1
    assert all(recipe == same[0] for same in recipes.values() for recipe in same)


def test_a_training_has_one_meaning_in_all_tables():
    meanings = {}
    for number in irl.TABLES:
        for row in rows_of(number):
            if row.trained_on:
                meaning = (row.config, row.crops, str(row.model), str(row.loss), row.trained_on)
                assert meanings.setdefault(row.training, meaning) == meaning
    assert "irl_gc" in meanings and "irl_gc_faces" in meanings and "irl_mixture" in meanings


def test_small_trainings_are_not_replaced_by_shipped_weights():
    trained, shipped = rows_of("1")[0], rows_of("1")[-1]
    assert trained.trained_on and not shipped.trained_on
    names = [trained.training, shipped.training]
    assert irl.is_shipped(trained, names, Budget()) and irl.is_shipped(shipped, names, Budget())
    assert not irl.is_shipped(trained, names, Budget(steps=10))
    assert irl.is_shipped(shipped, names, Budget(steps=10))
    assert not irl.is_shipped(trained, [], Budget())


def test_every_split_leaves_one_inpainter_out_and_tests_on_all():
    splits = [row for row in rows_of("5") if row.left_out]
    assert {(row.method, row.left_out) for row in splits} == {
        (method, name) for method in ("LDICN", "MVSS-Net", "IRL-Net") for name in ("gc", "ca", "ec")
    }
    for row in splits:
        assert row.left_out not in row.trained_on
        assert set(row.tested_on) == {"gc", "ca", "ec", "telea", "ns", "patch"}


@pytest.mark.parametrize("number", ["1", "2", "3", "4"])
def test_the_paper_has_a_number_for_each_row(number):
    table = irl.TABLES[number]
    rows = irl.ROWS[number](tuple(table.about["inpainters"]))
    assert {(row.method, *row.tested_on) for row in rows} == {
        (method, inpainter) for method, numbers in table.paper.items() for inpainter in numbers
    }
    measured = [numbers for method in table.paper.values() for numbers in method.values()]
    assert all(set(numbers) == set(irl.TITLES) for numbers in measured)
    assert "IEEE Access" in table.source


def test_every_table_has_sections_that_there_are():
    assert set(irl.TABLES) == set(irl.ROWS)
    for table in irl.TABLES.values():
        assert set(table.about["sections"]) <= set(irl.SECTIONS)
        assert table.about["shipped"] in {None, *irl.SHIPPED}


@pytest.mark.slow
def test_a_quick_table_is_trained_measured_and_written(tmp_path, tiny, monkeypatch, capsys):
    monkeypatch.setitem(INPAINTERS, "gc", INPAINTERS["telea"])
    results = run(tmp_path, "1", *SMALL, "--inpainters", "gc", "ns")
    rows = results["sections"]["Forged pictures"]
    assert [row["method"] for row in rows[:3]] == ["all zeros", "all ones", "noise"]
    assert [(row["method"], row["inpainter"]) for row in rows[3:]] == [
        (method, inpainter)
        for method in ("LDICN", "MVSS-Net", "IRL-Net")
        for inpainter in ("gc", "ns")
    ]
    average = results["sections"]["Over all inpainters"]
    assert [row["method"] for row in average[3:]] == ["LDICN", "MVSS-Net", "IRL-Net"]
    assert {row["paper's F1"] for row in average} == {"-"}  # of other inpainters
    ours = rows[-2]
    assert ours["paper's F1"] == "0.929" and rows[-1]["paper's F1"] == "-"
    assert ours["F1"].split("\n")[0].endswith("q") and ours["pictures"] == 2
    [weights] = [one for one in results["weights"] if one["name"] == "irl_ns"]
    file = tmp_path / "quick" / "training" / "bundled" / "irl_ns" / "last.keras"
    assert weights["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert results["data"]["inpainters"] == {"gc": None, "ns": None} and results["quick"]
    page = (tmp_path / "quick" / "irl_table_1.md").read_text()
    assert page.startswith("# Table 1: ") and "quick run" in page and weights["sha256"] in page
    assert "IRL-Net" in capsys.readouterr().out
    # original, inpainted, three methods, truth
    assert read_image(tmp_path / "quick" / "irl_table_1.png").shape[1] == 6 * (256 + 8) + 8

    monkeypatch.setattr(Trainings, "train", None)  # must not be needed again
    again = run(tmp_path, "1", *SMALL, "--inpainters", "gc", "ns")
    assert again["sections"] == results["sections"]

    # Trainings of another size are not taken for these.
    monkeypatch.setattr(irl, "QUICK", Budget(size=32, batch_size=2, epochs=1, steps=4))
    arguments = ["--table", "3", *SMALL, "--inpainters", "ns"]
    assert evaluate.main(["irl", "--out", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "irl_ns" in error and "another experiment" in error


def test_the_plan_trains_nothing(tmp_path, tiny, capsys):
    arguments = ["irl", "--table", "4", "--plan", "--inpainters", "ns", "--out", str(tmp_path)]
    assert evaluate.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    named = [line.split()[0] for line in lines if line.startswith("irl_ns")]
    assert named == ["irl_ns_bn", "irl_ns_srresnet", "irl_ns_plain", "irl_ns_se", "irl_ns"]
    assert "hours in all on this machine" in lines[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_small_table_builds_its_pairs_once(tmp_path, tiny):
    for part, photographs in {"train": "train", "val": "train", "test": "test"}.items():
        for path in bundled_photographs(photographs)[:2]:
            write_atomically(tmp_path / "corpora/scenes" / part / path.name, path.read_bytes())
    effort = ["--corpora", str(tmp_path / "corpora"), "--size", "32", "--inpainters", "telea", "ns"]
    effort += ["--crop-size", "16", "--steps", "8", "--learning-rate", "0.01", "--pairs", "3"]
    results = run(tmp_path / "out", "6", *effort)
    pairs = tmp_path / "out" / "pairs" / "scenes_3"
    built = {folder.name: len(find_pairs(folder)) for folder in pairs.iterdir()}
    # Of `patch`, which has a tenth of the weight in the mixture, there are fewer.
    assert built == {"telea": 3, "ns": 3, "patch": 1, "resynth": 3, "upsampling": 3, "none": 3}
    for one in results["weights"]:
        assert one["training"].startswith("256 pictures of 16x16 pixels, ")
        assert one["training"].endswith(", cut from 3 pairs of each inpainter")
    record = json.loads((tmp_path / "out/training/scenes/irl_mixture/experiment.json").read_text())
    assert record["data"] == str(pairs)
    assert record["experiment"]["learning_rate"] == 0.01
    assert record["experiment"]["final_learning_rate"] == pytest.approx(0.0001)


def test_generalization_has_splits_published_forgeries_and_degradations(tmp_path, trained):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        picture = rng.integers(0, 256, (40, 40, 3), np.uint8)
        write_png(tmp_path / "others" / "magic" / "original" / f"{name}.png", picture)
        write_png(tmp_path / "others" / "magic" / "image" / f"{name}.png", picture // 2 + 127)
        write_png(
            tmp_path / "others" / "magic" / "mask" / f"{name}.png", 255 * np.eye(40, dtype=np.uint8)
        )
    write_atomically(tmp_path / "others" / "README.md", b"no pair folder")
    arguments = ["5", "--size", "32", "--limit", "2", "--inpainters", "telea", "ns"]
    arguments += ["--published", str(tmp_path / "others")]
    sections = run(tmp_path / "out", *arguments)["sections"]

    left_out = sections["The inpainter that training left out, over all splits"]
    methods = [row["method"] for row in left_out]
    assert methods[:6] == ["all zeros", "all ones", "noise", "LDICN", "MVSS-Net", "IRL-Net"]
    # Both splits count, but each photograph once.
    assert all(row["pictures"] == 2 for row in left_out)
    seen = {
        (row["trained on"], row["inpainter"]): row["seen"]
        for row in sections["Each inpainter, seen in training or not"]
        if row["method"] == "LDICN"
    }
    assert seen["ns", "ns"] == "yes" and seen["ns", "telea"] == seen["ns", "patch"] == "no"
    published = sections["Published forgeries"]
    assert {row["data"] for row in published} == {"magic"}
    assert "irl_small" in {row["method"] for row in published}
    grid = sections["Degradations, over all inpainters"]
    assert [row["degradation"] for row in grid][:3] == ["clean", "jpeg:95", "jpeg:90"]
    columns = ("all zeros", "ldicn_mixture", "mvss_net_mixture", "irl_mixture", "irl_small")
    assert {f"{name} F1" for name in columns} <= set(grid[0]) and len(grid) == 21
    assert grid[0]["noise F1"] == grid[-1]["noise F1"] != grid[0]["irl_mixture F1"]
    untouched = sections["Untouched pictures"]
    assert {row["data"] for row in untouched} == {"bundled", "magic"}


def test_the_average_is_over_inpainters_and_its_interval_over_pictures():
    scores = {("a", "gc"): 0.9, ("a", "ca"): 0.7, ("a", "ec"): 0.8}
    scores |= {("b", "gc"): 0.5, ("b", "ca"): 0.3, ("b", "ec"): 0.4}
    records = [
        {
            "picture": picture,
            "data": "scenes",
            "method": "IRL-Net",
            "training": f"irl_{inpainter}",
            "trained on": inpainter,
            "left_out": False,
            "truth": "manipulated",
            "inpainter": inpainter,
            "degradation": "clean",
            "scores": dict.fromkeys(irl.TITLES, value),
            "pixels": {"TP": 10 * value, "FP": 0, "FN": 10 - 10 * value, "TN": 90},
        }
        for (picture, inpainter), value in scores.items()
    ]
    found = irl.Found(records, "scenes", irl.TABLES["1"].paper, seed=0)
    [row] = irl.SECTIONS["average"][1](found)
    assert row["F1"] == "0.600\n0.40-0.80" and row["pictures"] == 2
    assert row["paper's F1"] == "0.930" and row["paper's mIoU"] == "0.909"
    assert row["F1 of mean P and R"] == "0.600\n0.40-0.80" and "trained on" not in str(row)
    assert row["pooled recall"] == "0.600\n0.40-0.80" and row["pooled precision"][:5] == "1.000"
    assert row["pooled F1"] == "0.750\n0.57-0.89"
    each = irl.SECTIONS["localization"][1](found)
    assert [row["paper's F1"] for row in each] == ["0.929", "0.937", "0.924"]


def test_the_row_of_mvss_net_says_that_the_papers_was_trained_elsewhere(tmp_path, trained):
    results = run(tmp_path, "2", "--size", "32", "--limit", "1", "--degradations", "clean")
    columns = {
        (row["method"], row["inpainter"]): (row["trained on"], row["paper's trained on"])
        for row in results["sections"]["Forged pictures"]
    }
    assert columns["MVSS-Net", "gc"] == ("gc", "CASIA v2, DEFACTO")
    assert columns["LDICN", "ca"] == ("ca", "ca") and columns["all zeros", "any"][1] == "-"
    [note] = [note for note in results["notes"] if note.startswith("MVSS-Net: ")]
    assert "not trained again" in note
    assert "unpublished" not in json.dumps(results)


def test_tables_of_variants_differ_in_what_their_names_say():
    def experiments(name):
        return {row.method: row.experiment(Budget()) for row in rows_of(name)}

    focusing = {
        method: experiment.loss.get("focusing", IRLLoss().focusing)
        for method, experiment in experiments("lambda").items()
    }
    assert focusing == {"lambda 1": 1, "lambda 2": 2, "lambda 3": 3}
    traces = [list(one.model.get("traces", [])) for one in experiments("traces").values()]
    assert traces == [[], ["phase"], ["colour"], ["phase", "colour"]]
    fusions = experiments("3")
    paper, program = fusions["middle fusion"].model, fusions["middle fusion (program)"].model
    assert paper == {"fusion": "middle"} and program == {"fusion": "middle", "attention": False}
    assert experiments("4")["w BN (Fig. 3b)"].model == {"block": "srresnet", "attention": False}


@pytest.fixture
def faces(tmp_path):
    """Pictures in CelebA's layout: six to train, three to validate, three to test."""
    folder = tmp_path / "celeba"
    names = make_celeba(folder)
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (218, 178, 3), np.uint8)
        write_png(folder / "img_align_celeba" / name, pixels)
    return folder


def test_a_table_of_a_published_data_set_is_one_command(faces, tmp_path, trained, capsys):
    arguments = ["2", "--corpora", str(faces), "--layout", "celeba", "--size", "32"]
    arguments += ["--inpainters", "ns"]
    results = run(tmp_path / "out", *arguments)
    assert "Drew 6 of train and 3 of test" in capsys.readouterr().out
    parts = json.loads((tmp_path / "out" / "celeba.json").read_text())["parts"]
    assert parts["test"] == photographs_of("celeba", faces, "test")
    assert {record["picture"] for record in results["pictures"]} == set(parts["test"])
    assert results["data"]["name"] == "celeba" and results["data"]["whole"]
    assert "whole, scaled to 32 pixels" in results["notes"][0]
    again = run(tmp_path / "out", *arguments)
    assert "Drew" not in capsys.readouterr().out and again["sections"] == results["sections"]

    chosen = tmp_path / "chosen.json"
    write_selection(chosen, select("celeba", faces, {"train": 2, "test": 1}, seed=4))
    results = run(tmp_path / "other", *arguments, "--selection", str(chosen))
    assert not (tmp_path / "other" / "celeba.json").exists()
    [picture] = {record["picture"] for record in results["pictures"]}
    assert picture == json.loads(chosen.read_text())["parts"]["test"][0]


def test_trainings_of_a_published_data_set_see_its_training_part_whole(faces, tmp_path):
    chosen = tmp_path / "chosen.json"
    write_selection(chosen, select("celeba", faces, {"train": 2, "test": 1}))
    parts = json.loads(chosen.read_text())["parts"]
    corpus = irl.Corpus("celeba", faces, "celeba", chosen)
    row = irl.all_rows("2", ["ns"], [])[0]
    run = corpus.trainings(tmp_path / "out", Budget(batch_size=2), 0).run(row)
    training_set, (images, _) = run.inputs
    assert training_set.photographs == [faces / name for name in parts["train"]]
    assert run.experiment.recipe.whole and images.shape == (3, 256, 256, 3)

    trainings = corpus.trainings(tmp_path / "out", Budget(pairs=2), 0)
    trainings.build_pairs(replace(run.experiment.recipe, size=48))
    folder = tmp_path / "out" / "pairs" / "celeba_2" / "ns"
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    assert {line["photograph"] for line in lines} == set(parts["train"])
    image, mask = read_pair(find_pairs(folder)[0])
    expected = whole_picture(read_image(faces / lines[0]["photograph"]), 48)
    np.testing.assert_array_equal(image[mask == 0], expected[mask == 0])
    # Small trainings cut crops, in which the traces stay as they are.
    assert not row.experiment(Budget(size=64)).recipe.whole


def test_detection_compares_with_the_untouched_of_the_same_network(tmp_path, trained):
    arguments = ["6", "--size", "32", "--limit", "2", "--inpainters", "ns"]
    arguments += ["--degradations", "clean", "jpeg:75"]
    [title, _] = sections = run(tmp_path, *arguments)["sections"]
    rows = sections[title]
    conditions = [row["degradation"] for row in rows if row["inpainter"] == "ns"]
    assert conditions == ["clean", "jpeg:75"] * 4
    assert rows[0]["method"] == "all zeros" and rows[0]["AUC"].startswith("0.500")


def test_bad_pictures_are_named_and_left_out(tmp_path, trained, capsys):
    photographs = tmp_path / "corpora" / "faces" / "test"
    write_png(photographs / "a.png", np.zeros((40, 40, 3), np.uint8))
    write_atomically(photographs / "b.jpg", b"no picture")
    arguments = ["2", "--corpora", str(tmp_path / "corpora"), "--inpainters", "ns", "--size", "32"]
    results = run(tmp_path / "out", *arguments, code=1)
    assert [failure["picture"] for failure in results["failed"]] == ["b.jpg"]
    assert results["data"]["name"] == "faces" and "b.jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "1", "--corpora", "no-such-folder", "--inpainters", "ns"], "no-such-folder"),
        (["--table", "5", "--inpainters", "ns"], "needs at least 2"),
        (["--table", "5", "--inpainters", "ns", "telea", "--published", "none"], "none"),
    ],
)
def test_what_is_missing_is_one_line(arguments, message, trained, tmp_path, capsys):
    assert evaluate.main(["irl", *arguments, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error


def test_inpainters_without_weights_are_named(tmp_path, trained, monkeypatch, capsys):
    for name in ("gc", "ec"):
        monkeypatch.delitem(INPAINTERS, name, raising=False)
    monkeypatch.setitem(INPAINTERS, "ca", INPAINTERS["telea"])
    assert evaluate.main(["irl", "--table", "1", "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "table 1 needs the inpainters gc, ec, whose weights are not installed" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quick"], "--quick needs a --table"),
        (["--mixed-precision", "mixed_bfloat16"], "--mixed-precision needs a --table that trains"),
        (["--published", "x"], "--published needs a --table that trains"),
        (["--table", "1", "--data", "x"], "table 1 trains its own networks: leave out --data"),
        (["--table", "1", "--quick", "--pairs", "9"], "leave out --pairs"),
        (["--table", "1", "--pairs", "9"], "--pairs needs --corpora"),
        (["--layout", "celeba"], "--layout needs a --table that trains"),
        (["--table", "1", "--layout", "celeba"], "--layout needs --corpora"),
        (["--table", "1", "--selection", "x"], "--selection needs --layout"),
    ],
)
def test_options_that_do_not_go_together_are_one_line(arguments, message, capsys):
    assert evaluate.main(["irl", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "7"], "invalid choice"),
        (["--table", "1", "--quick", "--plan"], "not allowed with"),
    ],
)
def test_wrong_usage_is_refused(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        evaluate.main(["irl", *arguments])
    assert stop.value.code == 2 and message in capsys.readouterr().err


def test_the_plan_times_steps_of_a_batch_and_counts_pictures(tmp_path, tiny):
    times = iter([10.0, 16.0])
    row = irl.IRLRow("IRL-Net", "irl_ns", ("ns",), ("ns",), "irl_paper")
    trainings = Trainings(tmp_path, budget=irl.QUICK)
    seconds, parameters = core.seconds_per_picture(row, trainings, clock=lambda: next(times))
    assert seconds == pytest.approx(6 / (core.TIMED_STEPS * 2)) and parameters == 4
