"""Training data without TensorFlow: batches for Keras on any backend, and packed pairs."""

import textwrap
from pathlib import Path

import keras
import numpy as np
import pytest

from datasets import build, packed
from datasets.batches import SampleBatches
from datasets.forging import ForgingRecipe
from datasets.pairs import find_pairs, read_pair
from datasets.photographs.sources import bundled_photographs
from datasets.training_sets import CroppedPairs, ForgedPhotographs
from forensics_keras.images import read_image, write_png
from tests.helpers.jax import needs_jax, run_on_jax

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "datasets" / "samples"
RECIPE = ForgingRecipe(size=32, mask_size=64)


class Numbers:
    """Sample `k` is a picture full of `k`."""

    size = 4

    def sample(self, index):
        return np.full((4, 4, 3), index, np.uint8), np.full((4, 4, 1), index % 2, np.uint8)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "pairs"
    options = ["--data", str(SAMPLES), "--split", "train", "--inpainters", "telea", "ns"]
    options += ["--count", "6", "--size", "48", "--workers", "1", "--out", str(out)]
    assert build.main(options) == 0
    return out


def test_batches_hold_the_samples_in_order_and_go_on_where_another_stopped():
    training_set = ForgedPhotographs(bundled_photographs("train")[:2], RECIPE, seed=3)
    batches = SampleBatches(training_set, 4, workers=2)
    again = SampleBatches(training_set, 4, first_sample=8, workers=1)
    for images, masks in (batches[2], again[0]):
        assert images.shape == (4, 32, 32, 3) and masks.shape == (4, 32, 32, 1)
        for offset in range(4):
            expected = training_set.sample(8 + offset)
            np.testing.assert_array_equal(images[offset], expected[0])
            np.testing.assert_array_equal(masks[offset], expected[1])


def test_batches_come_right_in_any_order_and_again():
    batches = SampleBatches(Numbers(), 2, workers=3)
    for index in (0, 1, 2, 0, 7, 6, 7):
        np.testing.assert_array_equal(batches[index][0][:, 0, 0, 0], [2 * index, 2 * index + 1])


def test_fit_sees_each_sample_once_and_in_order():
    seen = []

    class Recorder(keras.layers.Layer):
        def call(self, inputs):
            return keras.ops.cast(inputs[..., :1], "float32") / 255

    class Log(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(round(logs["loss"] * 255))

    picture = keras.Input((4, 4, 3))
    model = keras.Model(picture, Recorder()(picture))

    def mean_of_prediction(y_true, y_pred):
        return keras.ops.mean(y_pred, axis=(1, 2, 3))

    model.compile("sgd", mean_of_prediction)
    batches = SampleBatches(Numbers(), 1, first_sample=10, workers=2)
    model.fit(batches, epochs=3, steps_per_epoch=2, shuffle=False, verbose=0, callbacks=[Log()])
    # The logged loss is the mean over an epoch so far: 10, (10 + 11) / 2, 12, ...
    assert seen[::2] == [10, 12, 14]


def test_an_error_in_a_sample_reaches_the_reader():
    class Broken(Numbers):
        def sample(self, index):
            raise ValueError("a.jpg: is damaged")

    with pytest.raises(ValueError, match="a.jpg: is damaged"):
        SampleBatches(Broken(), 2)[0]


def test_packed_pairs_are_the_pairs_and_untouched_crops(built, tmp_path):
    arguments = ["--pairs", str(built), "--out", str(tmp_path / "packed")]
    assert packed.main([*arguments, "--data", str(SAMPLES), "--untouched", "0.25"]) == 0
    assert packed.is_packed_folder(tmp_path / "packed") and not packed.is_packed_folder(built)
    pairs = packed.PackedPairs(tmp_path / "packed")
    assert len(pairs) == 8 and isinstance(pairs.images, np.memmap)
    files = find_pairs(built)
    for found, file in zip(list(pairs)[:6], files, strict=True):
        for array, expected in zip(found, read_pair(file), strict=True):
            np.testing.assert_array_equal(array, expected)
    for (image, mask), twin in zip(list(pairs)[6:], (0, 3), strict=True):
        forged, hole = pairs[twin]
        assert not mask.any()
        np.testing.assert_array_equal(image[hole == 0], forged[hole == 0])
        assert (image != forged).any()


def test_packed_pairs_give_the_training_samples_of_their_folder(built, tmp_path):
    packed.main(["--pairs", str(built), "--out", str(tmp_path)])
    pairs = packed.PackedPairs(tmp_path)
    from_arrays = CroppedPairs(range(len(pairs)), RECIPE, seed=1, read=pairs.__getitem__)
    from_files = CroppedPairs(find_pairs(built), RECIPE, seed=1)
    for index in range(7):
        for a, b in zip(from_arrays.sample(index), from_files.sample(index), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["packed.json", "images.npy", "masks.npy"])
def test_packing_replaces_nothing(built, tmp_path, capsys, name):
    (tmp_path / name).write_text("mine")
    assert packed.main(["--pairs", str(built), "--out", str(tmp_path)]) == 2
    assert f"{name}: exists" in capsys.readouterr().err
    assert [file.read_text() for file in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("content", ["[]", "{}", "not JSON"])
def test_damaged_descriptions_are_refused_by_their_path(tmp_path, content):
    (tmp_path / "packed.json").write_text(content)
    with pytest.raises(ValueError, match="packed.json: is damaged"):
        packed.PackedPairs(tmp_path)


def test_pairs_that_cannot_be_packed_give_one_line_and_no_data_set(tmp_path, capsys):
    for name, side in (("a", 20), ("b", 24)):
        write_png(tmp_path / "image" / f"{name}.png", np.zeros((side, side, 3), np.uint8))
        (tmp_path / "mask").mkdir(exist_ok=True)
    arguments = ["--pairs", str(tmp_path), "--out", str(tmp_path / "packed")]
    assert packed.main(arguments) == 2
    assert "picture 1 has 24x24 pixels, the first 20x20" in capsys.readouterr().err
    assert not list((tmp_path / "packed").iterdir())
    assert packed.main([*arguments, "--data", str(tmp_path), "--untouched", "0.9"]) == 2
    assert "--untouched 0.9" in capsys.readouterr().err
    for more, message in (
        (["--untouched", "0.3"], "needs --data"),
        (["--source"], "called --data"),
    ):
        with pytest.raises(SystemExit, match="2"):
            packed.main([*arguments, *more])
        assert message in capsys.readouterr().err


@needs_jax
@pytest.mark.slow
def test_training_needs_no_tensorflow(built, tmp_path):
    """On JAX, from packed pairs, in a Python that cannot import TensorFlow; resumed as well."""
    packed.main(["--pairs", str(built), "--out", str(tmp_path / "packed")])
    write_png(tmp_path / "val" / "a.png", read_image(bundled_photographs("test")[0])[:64, :64])
    config = """
        from training.experiments import IRLExperiment
        from datasets.forging import ForgingRecipe
        experiment = IRLExperiment(
            recipe=ForgingRecipe(size=32, mask_size=64), network="tiny", batch_size=2,
            epochs=2, steps_per_epoch=3, validation_size=32,
        )
    """
    (tmp_path / "tiny.py").write_text(textwrap.dedent(config))
    program = """
        import sys
        from importlib.machinery import PathFinder

        class WithoutTensorFlow(PathFinder):
            @classmethod
            def find_spec(cls, name, *args):
                return None if name == "tensorflow" else super().find_spec(name, *args)

        sys.meta_path = [WithoutTensorFlow if f is PathFinder else f for f in sys.meta_path]
        import datasets.batches, datasets.build, datasets.packed, datasets.pairs, evaluate, train
        import keras
        from forensics_keras.callbacks import EpochBackup
        from irl_keras.losses import IRLLoss
        from irl_keras.networks import NETWORKS, Network

        def tiny():
            picture = keras.Input((None, None, 3))
            x = keras.layers.Rescaling(1 / 255)(picture)
            x = keras.layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x)
            return keras.Model(picture, x)

        NETWORKS["tiny"] = Network(tiny, IRLLoss)
        folder = sys.argv[1]
        options = ["--config", f"{folder}/tiny.py", "--data", f"{folder}/packed"]
        options += ["--val-data", f"{folder}/val"]
        for name, stops in (("whole", ()), ("resumed", (1,))):
            for stop in stops:
                done = EpochBackup.on_epoch_end
                def backup(self, epoch, logs=None):
                    done(self, epoch, logs)
                    raise OSError("stopped")
                EpochBackup.on_epoch_end = backup
                assert train.main(["irl", *options, "--out", f"{folder}/{name}"]) == 2
                EpochBackup.on_epoch_end = done
            assert train.main(["irl", *options, "--out", f"{folder}/{name}"]) == 0
        for a, b in zip(
            *(keras.models.load_model(f"{folder}/{n}/last.keras").get_weights()
              for n in ("whole", "resumed")), strict=True
        ):
            assert abs(a - b).max() < 1e-6
        assert "tensorflow" not in sys.modules
        print("done")
    """
    result = run_on_jax("-c", textwrap.dedent(program), str(tmp_path))
    assert result.returncode == 0, result.stderr[-3000:]
    assert result.stdout.splitlines()[-1] == "done"
