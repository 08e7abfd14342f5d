"""Files that version 0.1 wrote still load and say the same; made by its code, in `fixtures`."""

import keras
import numpy as np
import pytest

import irl_keras
import malp_keras
from forensics_keras.optimizers import AdamByPart
from irl_keras.losses import IRLLoss
from malp_keras import keys
from malp_keras.training import MaLPTraining

pytestmark = pytest.mark.usefixtures("without_tracing")


@pytest.fixture(scope="module")
def expected(old_files):
    with np.load(old_files / "expected.npz") as arrays:
        return dict(arrays)


def test_a_compiled_irl_net(old_files, expected):
    model = keras.models.load_model(old_files / "irl_net.keras")
    found = model.predict_on_batch(expected["picture"])
    np.testing.assert_allclose(found, expected["irl_net"], atol=1e-5)
    assert isinstance(model.optimizer, AdamByPart) and model.optimizer.factors == {"bayar": 0.5}
    assert int(model.optimizer.iterations) == 1
    assert isinstance(model.loss, IRLLoss) and model.loss.smooth == 2.0


@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_a_training_of_malp(old_files, expected):
    model = keras.models.load_model(old_files / "malp_training.keras")
    assert isinstance(model, MaLPTraining) and model.vit is not None and model.exact_mask
    found = model.malp.predict_on_batch(expected["square"])["map"][:, ::4, ::4]
    np.testing.assert_allclose(found, expected["malp_training"], atol=1e-5)


def test_presets(old_files, expected):
    model = irl_keras.from_preset(old_files / "tiny_irl")
    found = model.predict_on_batch(expected["picture"])
    np.testing.assert_allclose(found, expected["tiny_irl"], atol=1e-5)
    # Without a calibration in its card.
    assert irl_keras.Localizer.from_preset(old_files / "tiny_irl").threshold == 0.5

    protector = malp_keras.Protector.from_preset(old_files / "tiny_malp")
    [square] = expected["square"]
    np.testing.assert_array_equal(
        protector.protect(square)[::3, ::3], expected["tiny_malp_protected"]
    )
    found = protector.model.predict_on_batch(expected["square"])["map"][:, ::4, ::4]
    np.testing.assert_allclose(found, expected["tiny_malp"], atol=1e-5)
    assert protector.calibration.score_threshold == 0.6


def test_a_key(old_files, expected):
    protector = malp_keras.Protector.from_key(old_files / "tiny.key")
    [square] = expected["square"]
    np.testing.assert_array_equal(
        protector.protect(square)[::3, ::3], expected["tiny_key_protected"]
    )
    assert protector.name == "mine" == keys.read_key_card(old_files / "tiny.key")["name"]
