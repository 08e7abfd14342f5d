"""The shipped weights as a user meets them: load, find, fine-tune, save, export, predict."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

import irl_keras
from datasets.degradations import degrade
from datasets.forging import forge
from datasets.photographs.sources import bundled_photographs
from forensics_keras.images import read_image, write_png
from forensics_keras.localizer import ModelLocalizer
from forensics_keras.metrics import localization_scores, untouched_scores
from forensics_keras.presets import weights_files
from irl_keras.__main__ import main

WEIGHTS = Path(irl_keras.__file__).parent / "weights"


@pytest.fixture(scope="module")
def model():
    return irl_keras.from_preset("irl_small")


@pytest.fixture(scope="module")
def forgeries():
    return [
        forge(read_image(path), 256, seed=index, inpainter=("telea", "ns")[index % 2])
        for index, path in enumerate(bundled_photographs("test"))
    ]


@pytest.mark.parametrize("name, mebibytes", [("irl_small", 12), ("irl_base", 27)])
def test_the_weights_are_small_and_described(name, mebibytes):
    assert name in irl_keras.list_presets()
    files = weights_files(WEIGHTS / name)
    assert sum(path.stat().st_size for path in files) <= mebibytes * 2**20
    assert max(path.stat().st_size for path in files) <= 20 * 10**6
    assert irl_keras.read_card(name)["calibration"]["threshold"] == 0.5
    for results in irl_keras.read_card(name)["measured"]:
        methods = [row["method"] for row in results["forged"]]
        assert {"all zeros", "all ones", "noise", name} <= set(methods)


def test_the_weights_find_inpainting_in_photographs_they_never_saw(model, forgeries):
    localizer = ModelLocalizer(model)
    scores = [
        localization_scores(localizer.localize(forgery.image).map, forgery.mask)["F1"]
        for forgery in forgeries
    ]
    assert np.mean(scores) > 0.8
    flagged = [
        untouched_scores(localizer.localize(forgery.original).map)["pixels_flagged"]
        for forgery in forgeries
    ]
    assert np.mean(flagged) < 0.05


@pytest.mark.slow
def test_the_full_network_finds_more_than_the_small_one(model, forgeries):
    full = ModelLocalizer(irl_keras.from_preset("irl_base"))
    assert full.model.count_params() == 13_536_599
    means = {}
    for name, localizer in (("full", full), ("small", ModelLocalizer(model))):
        compressed = [degrade(forgery.image, "jpeg:90") for forgery in forgeries]
        scores = [
            localization_scores(localizer.localize(image).map, forgery.mask)["F1"]
            for image, forgery in zip(compressed, forgeries, strict=True)
        ]
        means[name] = np.mean(scores)
    assert means["full"] > max(means["small"], 0.7)
    flagged = [
        untouched_scores(full.localize(forgery.original).map)["pixels_flagged"]
        for forgery in forgeries
    ]
    assert np.mean(flagged) < 0.02


@pytest.mark.slow
def test_fine_tuning_saving_and_exporting(model, forgeries, tmp_path):
    tf = pytest.importorskip("tensorflow")
    twin = irl_keras.from_preset("irl_small")
    twin.compile(
        keras.optimizers.Adam(1e-5),
        irl_keras.losses.IRLLoss(),
        metrics=[irl_keras.metrics.LocalizationF1()],
        run_eagerly=True,  # tracing a step takes longer than the few of them
    )
    pictures = np.stack([forgery.image[:64, :64] for forgery in forgeries[:3]])
    masks = np.stack([forgery.mask[:64, :64, None] for forgery in forgeries[:3]])
    history = twin.fit(pictures, masks, batch_size=3, epochs=2, verbose=0).history
    assert np.all(np.isfinite(history["loss"]))
    assert not np.array_equal(twin.get_weights()[0], model.get_weights()[0])

    expected = twin.predict(pictures, verbose=0)
    twin.save(tmp_path / "mine.keras")
    loaded = keras.models.load_model(tmp_path / "mine.keras")
    np.testing.assert_allclose(loaded(pictures), expected, atol=1e-6)
    twin.export(tmp_path / "saved_model", verbose=False)
    saved_model = tf.saved_model.load(tmp_path / "saved_model")
    served = saved_model.serve(tf.constant(pictures, tf.float32))
    np.testing.assert_allclose(served, expected, atol=1e-5)


def test_predict_on_the_command_line(forgeries, tmp_path):
    write_png(tmp_path / "in" / "forged.png", forgeries[0].image)
    write_png(tmp_path / "in" / "odd.png", forgeries[1].image[:101, :77])
    assert main(["predict", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    lines = (tmp_path / "out" / "report.jsonl").read_text().splitlines()
    forged, odd = map(json.loads, lines)
    assert forged["verdict"] == "manipulated" and forged["preset"] == "irl_small"
    found = irl_keras.Localizer.from_preset("irl_small").localize(forgeries[0].image)
    assert (forged["verdict"], forged["threshold"]) == (found.verdict, found.threshold)
    assert forged["flagged_share"] == pytest.approx(found.flagged_share, abs=1e-4)
    assert (odd["width"], odd["height"]) == (77, 101)
    assert read_image(tmp_path / "out" / "prob" / "odd.png").shape == (101, 77, 3)
