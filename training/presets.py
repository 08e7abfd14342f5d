"""Turns finished trainings into presets; the one way in which all systems do it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import keras

from datasets.inpainting.learned import WEIGHTS as INPAINTERS
from datasets.manipulations.stgan import WEIGHTS as EDITORS
from forensics_keras.model_card import card_markdown
from forensics_keras.presets import CARD_FILE, assign_weights, encode_weights, save_preset
from irl_keras import presets as irl_presets
from malp_keras import presets as malp_presets
from training.records import read_record
from training.run import TrainingRun

PROSE_FILE = "card.toml"
"""Beside the weights: what a person has to say about them."""
PROSE = "training_data", "limits", "intended_use", "licence"
MEASURED = (
    *("data", "threshold", "seed", "tools", "forged", "untouched", "detection"),
    *("manipulations", "degradations", "calibration", "summaries"),
)
"""Fields of metrics.json that model cards keep, of IRL-Net and of MaLP."""
Fields = Mapping[str, object]


def write_preset(
    run: TrainingRun,
    model: keras.Model,
    folder: Path,
    recipe: str,
    measure: Callable[[Fields], Fields],
) -> None:
    """Writes a trained model as a preset, with its model card.

    A preset that is made again of the same weights keeps its calibration.

    Args:
        run: The training.
        model: What it trained.
        folder: Folder of the preset, which is named so, and has the card's prose in `PROSE_FILE`.
        recipe: The config file, and the stage where it is not the last.
        measure: Gives further fields of the card, from the card with the hash of the weights;
            called when the preset can be loaded, for numbers must come from its float16 weights.

    Raises:
        ValueError: If the prose is missing, the preset could not be loaded again, or as `measure`
            does.
        OSError: If something cannot be read or written.
    """
    record = read_record(run.out / "experiment.json")
    prose = read_prose(folder)
    card = {
        "name": folder.resolve().name,
        "architecture": run.experiment.architecture,
        "recipe": recipe,
        **run.card_fields(),
        "commit": record["commit"],
        "seed": record["seed"],
        "measured": "not measured yet",
        **prose,
    }
    network = run.preset_model(model)
    _check_loadable(network, card["architecture"], folder)
    kept = _calibration(folder)
    card = save_preset(network, folder, card)
    if kept.pop("sha256", None) == card["sha256"]:
        card = save_preset(network, folder, {**card, **kept})
    fields = measure(card)
    if fields:
        card = save_preset(network, folder, {**card, **fields})
    print(f"Preset {folder}: {card['bytes']} bytes, SHA-256 {card['sha256']}")


def _calibration(folder: Path) -> dict:
    """Finds the calibration of a preset that is made again, with the hash of its weights."""
    if not (folder / CARD_FILE).is_file():
        return {}
    card = json.loads((folder / CARD_FILE).read_bytes())
    return {name: card[name] for name in ("sha256", "calibration") if name in card}


def _check_loadable(network: keras.Model, architecture: Mapping, folder: Path) -> None:
    """Refuses a network that is not the one that the experiment describes, before it is written."""
    stores = irl_presets.STORE, malp_presets.STORE, INPAINTERS, EDITORS
    store = next((one for one in stores if architecture["name"] in one.builders()), None)
    if store is None:
        raise ValueError(f"{folder}: no package knows the architecture {architecture['name']}")
    described = json.loads(json.dumps(architecture))
    assign_weights(store.build(described, folder), encode_weights(network), folder)


def read_prose(folder: Path) -> dict:
    """Reads what a person has to say about the weights in a folder.

    Raises:
        ValueError: If there is no such file, or it lacks a field.
    """
    path = folder / PROSE_FILE
    try:
        prose = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"{path}: missing; write it, with {', '.join(PROSE)}") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error
    missing = [field for field in PROSE if not prose.get(field)]
    if missing:
        raise ValueError(f"{path}: lacks {', '.join(missing)}")
    return prose


def measured_by_evaluation(card: Fields, paths: Iterable[Path]) -> Fields:
    """Finds the fields of a card in what evaluate.py measured with the preset.

    The numbers of the card must come from the preset's own weights: make the preset, calibrate it
    if it is MaLP's, measure it with evaluate.py, then make it again with the `metrics.json`, which
    keeps the calibration that was measured with.

    Args:
        card: Model card with the hash of the weights.
        paths: Paths of `metrics.json` files; values of single pictures and versions are left out.

    Raises:
        ValueError: If other weights were measured.
        OSError: If a file cannot be read.
    """
    measured, kept = [], {}
    for path in paths:
        results = json.loads(path.read_text())
        if results["weights"]["sha256"] != card["sha256"]:
            raise ValueError(f"{path}: measured with other weights; run evaluate.py --preset again")
        measured.append({key: results[key] for key in MEASURED if key in results})
        calibration = measured[-1].pop("calibration", None)
        if calibration and not kept:
            kept = {"calibration": calibration}
    return {**kept, "measured": measured} if measured else {}


def cards_page() -> str:
    """Renders the model cards of all presets of the two libraries."""
    lines = ["# Model cards", "", "Written by `python train.py cards` from the presets' cards.", ""]
    for title, store in (("IRL-Net", irl_presets), ("MaLP", malp_presets)):
        cards = [card_markdown(store.read_card(name)) for name in store.list_presets()]
        lines += [f"## {title}", "", *cards]
    return "\n".join(lines).rstrip("\n") + "\n"
