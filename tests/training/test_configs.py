"""The config files: each stage is the recipe that weights were trained with, and can be built."""

import dataclasses
import inspect
import json
from pathlib import Path

import keras
import pytest

import train
from datasets.inpainting.learned import WEIGHTS
from datasets.manipulations import MANIPULATIONS
from irl_keras.networks import NETWORKS
from malp_keras import malp
from malp_keras.baselines import second_branch
from training.configs import FOLDER, config_of_stage, read_config, read_recipe, read_stage
from training.experiments import (
    EditorExperiment,
    Experiment,
    InpainterExperiment,
    IRLExperiment,
    MaLPExperiment,
)

RECIPES = json.loads((Path(__file__).parent / "recipes.json").read_text())
"""All experiments of the 25 files that there were before stages, by file and name."""
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")
CONFIGS = {name: read_config(name) for name in NAMES}
STAGES = [
    pytest.param(config.stage(name), id=f"{config.path.stem}-{name}")
    for config in CONFIGS.values()
    for name in {**config.stages, **config.variants}
]
MOVED = sorted(set(RECIPES) - set(NAMES))
BEFORE = {
    "gc": "gc_first",
    "ec": "ec_edges",
    "irl_base_untouched": "irl_base",
    "irl_small_256": "irl_small",
    "irl_small_mixture": "irl_small_256",
    "irl_small_mixture_256": "irl_small_mixture",
    "irl_small_untouched": "irl_small_mixture_256",
    "irl_small_learned": "irl_small_untouched",
    "irl_small_pairs": "irl_small_learned",
    "malp_local_harmless": "malp_local",
    "malp_stgan_faces_longer": "malp_stgan_faces",
    "irl_traces_pristine": "irl_traces_network",
    "irl_traces": "irl_traces_pristine",
}
"""What the docstrings of the files said to start from."""
LATER = ("preset", "traces_from")
"""Fields that came after the fixture; without a value they change nothing."""


def resolved(experiment):
    """An experiment as the fixture holds it, without `starts_from`."""
    definition = dataclasses.asdict(experiment)
    del definition["starts_from"]
    for name in LATER:
        if definition.get(name) is None:
            definition.pop(name, None)
    if not definition.get("recipe", {}).get("whole", True):
        del definition["recipe"]["whole"]
    if isinstance(experiment, InpainterExperiment):
        architecture = experiment.architecture
        builder = WEIGHTS.builders()[architecture["name"]]
        model = experiment.training(builder(**architecture["arguments"]))
        config = {k: v for k, v in model.get_config().items() if isinstance(v, int | float)}
        attributes = {k: v for k, v in vars(model).items() if isinstance(v, float)}
        definition["training"] = {
            "class": type(model).__name__,
            "weights": config | attributes,
            "generator": model.generator.count_params(),
            "critic": model.critic and model.critic.count_params(),
        }
    return json.loads(json.dumps({"class": type(experiment).__name__, **definition}))


@pytest.mark.parametrize("file", RECIPES)
def test_every_recipe_is_what_it_was_when_its_weights_were_trained(file):
    for name, recipe in RECIPES[file].items():
        expected = {key: value for key, value in recipe.items() if key != "starts_from"}
        assert resolved(config_of_stage(name).stage(name)) == expected


def test_stages_start_from_the_stage_before():
    found = {}
    for config in CONFIGS.values():
        names = list(config.stages)
        for name, experiment in {**config.stages, **config.variants}.items():
            if experiment.starts_from is not None:
                found[name] = experiment.starts_from
                assert experiment.starts_from in names[: names.index(name)]
    assert found == BEFORE


@pytest.mark.parametrize("experiment", STAGES)
def test_every_stage_names_what_there_is_and_fits_it(experiment):
    if isinstance(experiment, IRLExperiment):
        network = NETWORKS[experiment.network]
        inspect.signature(network.build).bind(**experiment.model)
        assert isinstance(network.loss(**experiment.loss), keras.losses.Loss)
    elif isinstance(experiment, MaLPExperiment):
        assert set(experiment.recipe.manipulations) <= set(MANIPULATIONS)
        model = malp(**experiment.architecture["arguments"])
        assert model.size == experiment.recipe.size
        if experiment.vit is not None:
            branch = second_branch(model.size, **experiment.vit)
            assert branch.output_shape[1:3] == (model.size, model.size)
    else:  # inpainters are built for the recipes
        assert isinstance(experiment, InpainterExperiment | EditorExperiment)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_says_its_command_and_stands_for_itself(name):
    source = CONFIGS[name].path.read_text()
    command = next(iter(CONFIGS[name].stages.values())).command
    said = source.split('"""')[1]
    assert f"python train.py {command}" in said
    assert f"{name}.py" in said or name == command
    assert "import configs" not in source and "from configs" not in source


@pytest.mark.parametrize("name", MOVED)
def test_names_of_files_that_became_stages_are_answered_with_the_new_command(name, capsys):
    command = config_of_stage(name).stage(name).command
    for written in (name, f"configs/{name}.py"):
        assert train.main([command, "--config", written]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        config = config_of_stage(name).path.stem
        assert f"python train.py {command} --config {config} --stage {name}" in error


@pytest.mark.parametrize(
    "arguments",
    [["stgan", "stgan_celeba"], ["inpaint", "gc"], ["inpaint", "--only", "gc"]],
)
def test_what_was_chosen_by_other_options_says_so(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        train.main(arguments)
    assert stopped.value.code == 2
    new = {"stgan_celeba": "--stage stgan_celeba", "gc": "--config inpaint_gc"}
    expected = "--stage" if "--only" in arguments else new[arguments[-1]]
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and expected in error, error


def test_cards_name_experiments_of_today_and_of_before():
    last = read_stage("malp_local")
    assert read_recipe("configs/malp_local.py", MaLPExperiment) == last
    assert read_recipe("configs/malp_local_harmless.py", MaLPExperiment) == last
    first = read_recipe("configs/malp_local.py --stage malp_local", MaLPExperiment)
    assert first == read_stage("malp_local", "malp_local") != last
    for config in CONFIGS.values():
        for name in {**config.stages, **config.variants}:
            assert read_recipe(config.recipe(name), Experiment).command
    with pytest.raises(ValueError, match="no such config file"):
        read_recipe("configs/nothing.py", MaLPExperiment)


@pytest.mark.parametrize(
    "form", ["{0}/evil.py", "configs/{0}/evil.py", "evil.py", "configs/../evil.py"]
)
def test_no_file_that_a_card_names_is_ever_run(tmp_path, monkeypatch, form):
    (tmp_path / "evil.py").write_text("raise SystemExit('was run')")
    (tmp_path / "malp_local").write_text("raise SystemExit('was run')")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="is no experiment of configs/"):
        read_recipe(form.format(tmp_path), MaLPExperiment)
    assert read_recipe("configs/malp_local.py", MaLPExperiment)


def test_a_file_of_another_system_is_refused():
    with pytest.raises(ValueError, match="as MaLPExperiment"):
        read_config("irl_paper", MaLPExperiment)
    with pytest.raises(ValueError, match="has no stage five, but irl_base, irl_base_untouched"):
        read_stage("irl_base", "five")
