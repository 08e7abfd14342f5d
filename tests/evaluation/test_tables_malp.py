"""The tables about MaLP: attacks, speed, what is trained, and their command."""

import importlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest

import evaluate
import malp_keras
from datasets.photographs.sources import bundled_photographs
from evaluation.methods import Proactive
from evaluation.pictures import Source, squares
from evaluation.tables import core, malp, security, speed
from evaluation.tables.core import Budget, Trainings
from evaluation.trials import Conditions
from forensics_keras.images import write_png
from forensics_keras.model_card import CARD_FIELDS
from malp_keras.ground_truth import cosine
from malp_keras.layers import TemplateLayer
from malp_keras.protection import protect
from training import loop

pytestmark = pytest.mark.usefixtures("without_tracing")

ARGUMENTS = {"size": 64, "filters": 4, "classifier_filters": 4, "seed": 0}
ERASE = ["--manipulations", "erase"]


@pytest.fixture(scope="module")
def preset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    card = {**dict.fromkeys(CARD_FIELDS, "for a test"), "name": "tiny"}
    card["architecture"] = {"name": "malp", "arguments": ARGUMENTS}
    malp_keras.save_preset(malp_keras.malp(**ARGUMENTS), folder, card)
    return folder


def run(out, name, *arguments, code=0):
    command = ["malp", "--out", str(out), "--table", name, "--quick", "--limit", "2", *arguments]
    assert evaluate.main(command) == code
    return json.loads((out / "quick" / f"malp_table_{name}.json").read_text())


# --- security ---------------------------------------------------------------------------------


def test_averaging_finds_the_template_that_all_pictures_share():
    rng = np.random.default_rng(0)
    template = rng.standard_normal((48, 48))
    attack = security.Averaging(48)
    agreements = []
    for number in range(1, 65):
        corners = rng.uniform(60, 190, (2, 2, 3))
        smooth = np.kron(corners, np.ones((24, 24, 1)))
        picture = smooth + 2 * template[..., None] + rng.normal(0, 8, (48, 48, 1))
        attack.add(np.rint(np.clip(picture, 0, 255)).astype(np.uint8))
        if number in (1, 8, 64):
            agreements.append(cosine(attack.estimate(), template - template.mean()))
    assert agreements == sorted(agreements)
    assert agreements[0] < 0.4 and agreements[2] > 0.8


def test_the_attack_grows_with_pictures_and_shrinks_with_the_set():
    layer = TemplateLayer(1, 64, strength=0.1, seed=0)
    sources = squares(None, None, 3)
    rows, estimates = security.averaging_attack(layer, sources, 64, (4, 40), 0)
    found = {row["set size"]: [float(row["N = 4"]), float(row["N = 40"])] for row in rows}
    assert list(found) == [1, 3, 10]
    assert found[1][1] > found[1][0] > 0.2
    assert found[1][1] > found[3][1] > found[10][1]
    assert sorted(estimates) == [4, 40] and estimates[4].shape == (64, 64)


def test_further_templates_are_as_strong_and_unlike_the_own():
    layer = TemplateLayer(2, 64, seed=0)
    templates = np.asarray(security.template_set(layer, 5, 0).templates)
    own = np.asarray(layer.templates)
    np.testing.assert_array_equal(templates[:2], own)
    spectrum = np.abs(np.fft.fft2(templates[2]))
    np.testing.assert_allclose(spectrum, np.abs(np.fft.fft2(own[0])), rtol=0.01, atol=0.01)
    centred = templates - templates.mean(axis=(1, 2), keepdims=True)
    assert abs(cosine(centred[2], centred[0])) < 0.1 > abs(cosine(centred[2], centred[4]))


def test_windows_begin_with_whole_photographs_and_leave_out_bad_ones(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    write_png(tmp_path / "a.png", picture)
    (tmp_path / "b.png").write_bytes(b"no picture")
    windows = list(security.random_windows(squares(tmp_path, None), 80, 4, 0))
    assert len(windows) == 4 and {window.shape for window in windows} == {(80, 80, 3)}
    np.testing.assert_array_equal(windows[0], picture[:, 8:88])  # cut to 96 columns first
    (tmp_path / "a.png").unlink()
    with pytest.raises(ValueError, match="none of the photographs"):
        list(security.random_windows(squares(tmp_path, None), 80, 4, 0))


def test_a_stolen_template_makes_a_photograph_protected(photograph):
    model = malp_keras.malp(**ARGUMENTS)
    image = photograph[:64, :64]
    trials = security.forgeries(Proactive(model), Conditions([]), {10: np.zeros((64, 64))}, 0)
    found = list(trials(0, Source("a", lambda: image)))
    assert {trial.truth for trial in found} == {"unprotected"}
    pictures = {trial.fields["attack"]: trial.image for trial in found}
    assert list(pictures) == [
        "photograph",
        "photograph + the stolen template",
        "photograph + the estimate from 10",
    ]
    stolen = pictures["photograph + the stolen template"]
    np.testing.assert_array_equal(stolen, protect(model, image))
    np.testing.assert_array_equal(pictures["photograph + the estimate from 10"], image)


# --- tables without training ------------------------------------------------------------------


@pytest.mark.slow
def test_the_security_table_says_what_verify_says(tmp_path, preset):
    results = run(tmp_path, "security", "--preset", str(preset), *ERASE)
    attacks, verdicts = results["sections"].values()
    assert [row["set size"] for row in attacks] == [1, 3, 10]
    assert attacks[0]["N = 1"].endswith("q")
    assert [row["attack"] for row in verdicts] == [
        "photograph",
        "photograph + the stolen template",
        "photograph + the estimate from 1",
        "manipulated",
        "manipulated + the stolen template",
        "manipulated + the estimate from 1",
    ]
    assert {row["truth"] for row in verdicts[3:]} == {"manipulated"}
    assert {row["pictures"] for row in verdicts} == {2} and verdicts[0]["F1"] == "-"


@pytest.mark.slow
def test_the_table_of_resolutions_has_scaled_and_unscaled_pictures(tmp_path, preset, monkeypatch):
    monkeypatch.setattr(malp, "SIDES", (64, 96))
    results = run(tmp_path, "resolution", "--preset", str(preset), *ERASE, "--limit", "1")
    rows = results["sections"]["Fakeness maps, all manipulations"]
    methods = [(row["side"], row["method"]) for row in rows if row["method"].startswith("tiny")]
    assert methods == [
        (side, f"tiny ({kind})") for side in (64, 96, "own") for kind in ("sc.", "no sc.")
    ]
    same = [row["cosine"] for row in rows if row["side"] == 64 and row["method"][:4] == "tiny"]
    assert same[0] == same[1]  # at the model's size there is nothing to scale
    assert {row["side"] for row in results["sections"]["Protected pictures"]} == {64, 96, "own"}


def test_the_table_of_degradations(tmp_path, preset, monkeypatch):
    monkeypatch.setattr(malp, "ROBUSTNESS", ("clean", "jpeg:70", "webp:80"))
    results = run(tmp_path, "fig5", "--preset", str(preset), *ERASE)
    rows = results["sections"]["Fakeness maps, all manipulations"]
    assert [(row["method"], row["degradation"]) for row in rows] == [
        ("tiny", "clean"),
        ("tiny", "jpeg:70"),
        ("all zeros", "any"),
        ("all ones", "any"),
        ("noise", "any"),
    ]
    page = (tmp_path / "quick" / "malp_table_fig5.md").read_text()
    assert page.startswith("# MaLP: Fig. 5") and "quick run" in page


def test_speed_is_relative_to_the_first_network():
    def network(convolutions):
        picture = x = keras.Input((None, None, 3))
        for _ in range(convolutions):
            x = keras.layers.Conv2D(2, 3)(x)
        return keras.Model(picture, x)

    compared = {"one": network(1), "many": network(3)}
    timed = []

    def milliseconds(network, size, repeats):
        timed.append((size, repeats))
        return 20.0 * len(network.layers)

    rows = speed.rows(compared, (64, 128), 3, milliseconds)
    assert timed == [(64, 3), (64, 3), (128, 3), (128, 3)]
    assert [(row["size"], row["network"]) for row in rows[1:3]] == [(64, "many"), (128, "one")]
    assert [row["ms a picture"] for row in rows] == ["40.0", "80.0"] * 2
    assert [row["times MaLP's"] for row in rows] == ["1.00", "2.00"] * 2
    assert rows[1]["parameters"] == compared["many"].count_params()


def test_a_time_is_the_median_of_the_passes_after_the_first():
    localizer = malp_keras.malp(**ARGUMENTS).localizer  # which is given the templates, too
    ticks = iter([0, 99, 100, 101, 110, 115, 120, 122])
    assert speed.milliseconds(localizer, 64, 3, clock=lambda: next(ticks)) == 2000
    assert next(ticks, None) is None


# --- tables with trainings --------------------------------------------------------------------


@pytest.fixture
def untrained(monkeypatch):
    """Trainings end before their first step, not compiled; ResNet-50 is one convolution."""

    def train(self, row):
        training = self.run(row)
        assert training.inputs  # folders that there are
        with loop.precision(training.precision):
            model = training.new_model()
        path = self.folder / row.training / "last.keras"
        path.parent.mkdir(parents=True)
        model.save(path)

    def one_convolution(width=64):
        picture = keras.Input((None, None, 3))
        return keras.Model(picture, keras.layers.Conv2D(1, 1, activation="sigmoid")(picture))

    monkeypatch.setattr(Trainings, "train", train)
    monkeypatch.setattr(loop, "compile_by_part", lambda *args, **options: None)
    for module in ("malp_keras.baselines", "malp_keras.malp"):
        monkeypatch.setattr(importlib.import_module(module), "resnet50_map", one_convolution)


@pytest.mark.parametrize("name", malp.TRAINED)
@pytest.mark.parametrize("config", malp.CORPORA)
def test_rows_change_what_they_say(name, config):
    rows = malp.rows_of(name, config)
    assert len({row.training for row in rows}) == len({row.method for row in rows}) == len(rows)
    base, *_ = [row for row in rows if row.training == config]
    usual = base.experiment(Budget())
    for row in rows:
        experiment = row.experiment(Budget())
        assert (experiment == usual) == (row is base)
        assert experiment.epochs * experiment.steps_per_epoch == (
            usual.epochs * usual.steps_per_epoch
        )
        assert (experiment.architecture["arguments"].get("strength") == 0) == (
            "passive" in row.method or "without template" == row.method[5:]
        )


def test_a_training_has_one_meaning_in_all_tables():
    meanings = {}
    for name in malp.TRAINED:
        for row in malp.rows_of(name, malp.TABLES[name].about["config"]):
            row = malp.replace(row, method="")
            assert meanings.setdefault(row.training, row) == row


def test_the_paper_has_a_number_for_each_row():
    assert set(malp.TABLES) == {*malp.TRAINED, *malp.UNTRAINED}
    for name in ("8", "9"):
        table = malp.TABLES[name]
        rows = malp.rows_of(name, table.about["config"])
        assert {row.method for row in rows} == set(table.paper)


@pytest.mark.slow
def test_a_table_is_trained_measured_and_written(tmp_path, untrained, capsys):
    arguments = ["--config", "malp_local", *ERASE]
    results = run(tmp_path, "2", *arguments)
    maps, apart = (results["sections"][key] for key in ("Fakeness maps", "Manipulated or not"))
    methods = ["ResNet-50 (passive)", "MaLP without template", "MaLP"]
    trivial = ["all zeros", "all ones", "noise"]
    assert [row["method"] for row in maps] == [row["method"] for row in apart] == trivial + methods
    assert maps[-1]["paper's cosine"] == 0.9394 and maps[0]["paper's cosine"] == "-"
    assert apart[-1]["paper's AUC"] == 1.0 and "paper's AUC" not in maps[0]
    protected = results["sections"]["Protected pictures"]
    assert [row["method"] for row in protected] == ["MaLP"]
    assert [one["name"] for one in results["weights"]][0] == "malp_local_resnet50"
    assert "Training 3 of 3: malp_local" in capsys.readouterr().out
    # Nothing is trained twice.
    assert run(tmp_path, "2", *arguments)["sections"] == results["sections"]
    assert "Training" not in capsys.readouterr().out


@pytest.mark.slow
def test_unseen_manipulations_are_told_from_seen_ones(tmp_path, untrained):
    results = run(tmp_path, "unseen", "--manipulations", "erase", "telea", "--limit", "1")
    each = results["sections"]["Fakeness maps, each manipulation, clean"]
    seen = {(row["method"], row["manipulation"]): row["seen"] for row in each}
    assert seen["MaLP, on local edits", "erase"] == seen["MaLP, on inpainters", "telea"] == "yes"
    assert seen["MaLP, on local edits", "telea"] == seen["MaLP, on inpainters", "erase"] == "no"
    assert seen["MaLP, on both", "telea"] == "yes" and seen["noise", "telea"] == "-"


@pytest.mark.slow
def test_the_opposite_edit_of_an_attribute_is_unseen(tmp_path, untrained):
    results = run(tmp_path, "attributes", "--limit", "1")
    each = results["sections"]["Fakeness maps, each manipulation, clean"]
    seen = {(row["method"], row["manipulation"]): row["seen"] for row in each}
    added, removed = malp.TABLES["attributes"].about["tested_on"]
    assert seen[f"MaLP, on {added}", added] == "yes" and seen[f"MaLP, on {added}", removed] == "no"
    assert seen[f"MaLP, on {removed}", added] == "no"
    assert seen["MaLP, on both", added] == seen["MaLP, on both", removed] == "yes"


@pytest.mark.slow
def test_the_second_branch_gives_the_map_where_it_is_measured(tmp_path, untrained):
    results = run(tmp_path, "8", "--config", "malp_local", *ERASE, "--limit", "1")
    values = {row["method"]: row["cosine"] for row in results["sections"]["Fakeness maps"]}
    assert list(values)[3:] == [row.method for row in malp.rows_of("8", "malp_local")]
    assert values["transformer only"] != values["CNN + transformer"]


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
def test_a_quick_training_really_trains(tmp_path):
    budget = Budget(2, 2, size=128, precision="mixed_bfloat16", model=malp.SMALL)
    row = malp.MaLPRow("CNN only", "cnn", malp.LOCAL, vit=None)
    quick = Trainings(tmp_path, budget=budget)
    assert not quick.is_trained(row)
    quick.train(row)
    assert quick.is_trained(row)
    method, weights = quick.load(row)
    assert method.protects and "4 pictures of 128x128" in weights["training"]
    assert weights["training"].endswith("filters 4, classifier_filters 4, mixed_bfloat16")
    assert method.model.localizer.get_layer("cnn_stem").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    fresh = malp_keras.malp(**row.experiment(budget).architecture["arguments"], seed=0)
    changed = method.model.localizer.get_weights()[0] - fresh.localizer.get_weights()[0]
    assert np.abs(changed).max() > 0


@pytest.mark.slow
def test_trainings_are_as_narrow_and_short_as_asked(tmp_path, untrained):
    arguments = ["--table", "8", "--config", "malp_local", "--limit", "1", *ERASE]
    arguments += ["--steps", "150", "--filters", "4", "--mixed-precision", "mixed_bfloat16"]
    assert evaluate.main(["malp", "--out", str(tmp_path), *arguments]) == 0
    results = json.loads((tmp_path / "malp_table_8.json").read_text())
    trainings = [one["training"] for one in results["weights"]]
    assert len(trainings) == 4 and all("600 pictures of 256x256" in one for one in trainings)
    assert all(one.endswith("classifier_filters 4, mixed_bfloat16") for one in trainings)


def test_the_plan_trains_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(core, "seconds_per_picture", lambda row, trainings: (2.0, 7))
    command = ["malp", "--table", "9", "--config", "malp_local", "--plan", "--out", str(tmp_path)]
    assert evaluate.main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("malp_local") for line in lines) == 6
    assert "hours in all on this machine" in lines[-1] and not list(tmp_path.iterdir())


def test_corpora_are_those_of_the_configuration(tmp_path):
    folders = tuple(tmp_path / name for name in malp.CORPORA[malp.LOCAL])
    training = Trainings(tmp_path, folders).run(malp.rows_of("9", malp.LOCAL)[-1])
    assert training.data == (tmp_path / "scenes" / "train", tmp_path / "faces" / "train")
    assert [path.name for path in training.val_data] == ["val", "val"]
    bundled = Trainings(tmp_path).run(malp.rows_of("9", malp.PAPER)[-1])
    assert bundled.data == () and bundled.inputs[0] == bundled_photographs("train")
    assert malp.CORPORA[malp.PAPER] == ("faces",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quick"], "--quick needs a --table"),
        (["--steps", "3"], "--steps needs a --table that trains"),
        (["--mixed-precision", "mixed_bfloat16"], "--mixed-precision needs a --table that trains"),
        (["--table", "speed", "--plan"], "--plan needs a --table that trains"),
        (["--table", "9", "--data", "x"], "leave out --data"),
        (["--table", "9", "--filters", "8"], "--quick has its own effort: leave out --filters"),
        (["--table", "9", "--config", "malp_local", "--corpora", "no-such-folder"], "no-such"),
        (["--table", "9", "--config", "malp_local", "--manipulations", "magic"], "magic"),
    ],
)
def test_what_does_not_go_together_is_one_line(arguments, message, tmp_path, untrained, capsys):
    command = ["malp", "--out", str(tmp_path), *arguments]
    assert evaluate.main([*command, *(["--quick"] if "9" in arguments else [])]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and message in error


def test_manipulations_without_weights_are_named():
    with pytest.raises(ValueError, match="table 2 needs the manipulations magic, whose weights"):
        malp.check_installed("2", ["erase", "magic"])
