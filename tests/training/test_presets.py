"""Presets that trainings become: their prose, their numbers, and the page of their cards."""

import json
import tomllib
from pathlib import Path

import pytest

import train
from datasets.forging import ForgingRecipe
from datasets.inpainting.learned import WEIGHTS as INPAINTERS
from datasets.manipulations.stgan import WEIGHTS as EDITORS
from irl_keras import Localizer, irl_net
from irl_keras import presets as irl_presets
from malp_keras import presets as malp_presets
from tests.helpers.tiny_trainings import write_prose
from training.configs import config_of_stage, read_recipe
from training.experiments import Experiment, IRLExperiment
from training.irl import IRLRun
from training.presets import (
    PROSE,
    cards_page,
    measured_by_evaluation,
    read_prose,
    write_preset,
)

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [
    path.parent
    for package in ("irl_keras", "malp_keras", "datasets")
    for path in sorted((ROOT / package).rglob("weights/*/card.json"))
]


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_shipped_cards_have_the_prose_beside_them_and_name_their_experiment(folder):
    card = json.loads((folder / "card.json").read_text())
    prose = read_prose(folder)
    assert set(PROSE) <= set(prose) and {field: card[field] for field in prose} == prose
    experiment = read_recipe(card["recipe"], Experiment)
    if experiment.command == "inpaint":  # a file may have twelve of them
        experiment = config_of_stage(card["name"]).stage(card["name"])
    assert json.loads(json.dumps(experiment.architecture)) == card["architecture"]


def test_there_is_a_card_for_every_preset():
    stores = irl_presets.list_presets, malp_presets.list_presets, INPAINTERS.names, EDITORS.names
    assert sorted(folder.name for folder in SHIPPED) == sorted(
        sum((names() for names in stores), [])
    )


def test_the_page_of_model_cards_is_that_of_the_cards(tmp_path):
    page = (ROOT / "docs" / "model_cards.md").read_text()
    assert page == cards_page(), "run python train.py cards"
    assert train.main(["cards", "--out", str(tmp_path / "cards.md")]) == 0
    assert (tmp_path / "cards.md").read_text() == page
    for name in (*irl_presets.list_presets(), *malp_presets.list_presets()):
        assert f"### {name}\n" in page


def test_prose_is_checked(tmp_path):
    write_prose(tmp_path)
    text = (tmp_path / "card.toml").read_text()
    for field in PROSE:
        lines = [line for line in text.splitlines() if not line.startswith(field)]
        (tmp_path / "card.toml").write_text("\n".join(lines))
        with pytest.raises(ValueError, match=f"card.toml: lacks {field}"):
            read_prose(tmp_path)
    (tmp_path / "card.toml").write_text("limits = [")
    with pytest.raises(ValueError, match="card.toml: "):
        read_prose(tmp_path)


def test_measured_numbers_are_those_of_the_same_weights(tmp_path):
    results = {
        "weights": {"sha256": "ab"},
        "data": {"pictures": 1},
        "calibration": {"data": "here"},
        "pictures": [1],
    }
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(results))
    found = measured_by_evaluation({"sha256": "ab"}, [path, path])
    assert found == {
        "calibration": {"data": "here"},
        "measured": [{"data": {"pictures": 1}}, {"data": {"pictures": 1}}],
    }
    assert measured_by_evaluation({"sha256": "ab"}, []) == {}
    with pytest.raises(ValueError, match="measured with other weights"):
        measured_by_evaluation({"sha256": "cd"}, [path])


def test_a_preset_made_again_keeps_the_calibration_of_the_same_weights(tmp_path):
    experiment = IRLExperiment(
        recipe=ForgingRecipe(), model={"width": 0.125, "attention": False}, epochs=1
    )
    run = IRLRun(experiment=experiment, out=tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/experiment.json").write_text('{"commit": "c", "seed": 0}')
    folder = tmp_path / "preset"
    write_prose(folder)
    model = irl_net(**experiment.model)
    write_preset(run, model, folder, "configs/irl_small.py", lambda card: {})
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "calibration": {"threshold": 0.7}}))
    write_preset(run, model, folder, "configs/irl_small.py", lambda card: {"measured": "again"})
    assert Localizer.from_preset(folder).threshold == 0.7
    model.get_layer("logits").bias.assign([1.0])
    write_preset(run, model, folder, "configs/irl_small.py", lambda card: {})
    assert Localizer.from_preset(folder).threshold == 0.5


def test_prose_files_are_as_a_person_would_write_them():
    for folder in SHIPPED:
        text = (folder / "card.toml").read_text()
        assert max(map(len, text.splitlines())) <= 100
        assert tomllib.loads(text)["licence"]
