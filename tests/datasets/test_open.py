"""What trainings are made of: published data sets by their layout, histories by their folders."""

import cv2
import numpy as np
import pytest

import datasets.open
from datasets.forging import ForgingRecipe
from datasets.history import HistoryRecipe
from datasets.open import Layout, open_data, open_histories, open_photographs, validation_crops
from datasets.packed import pack
from datasets.photographs.selection import select, write_selection
from datasets.photographs.sources import bundled_photographs, photographs_of
from datasets.real_fills import FillCrops
from datasets.synthesised import DESCRIPTION, NAMES, SynthesisedCrops
from forensics_keras.images import write_png
from tests.helpers.made_up import make_celeba

SIZE = 64


@pytest.fixture
def fills(tmp_path, photograph):
    folder = tmp_path / "fills"
    for kind in ("image", "mask"):
        (folder / "tool" / kind).mkdir(parents=True)
    mask = np.zeros(photograph.shape[:2], np.uint8)
    mask[100:120, 150:180] = 255
    write_png(folder / "tool/image/0.png", photograph)
    cv2.imwrite(str(folder / "tool/mask/0.png"), mask)
    return folder


@pytest.fixture
def packed(tmp_path, photograph):
    crop = np.ascontiguousarray(photograph[:96, :96])
    pack([lambda: (crop, 255 - crop)], tmp_path / "packed", NAMES, DESCRIPTION)
    return tmp_path / "packed"


def test_folders_are_told_by_what_they_hold(fills, packed):
    recipe = HistoryRecipe(size=SIZE, real=0.5, synthesised=0.5)
    mixture = open_histories((packed, fills), recipe, seed=0)
    assert [type(part) for part in mixture.sets[1:]] == [FillCrops, SynthesisedCrops]
    np.testing.assert_allclose(mixture.shares, [0.5, 0.25, 0.25])
    assert mixture.sets[0].photographs == bundled_photographs("train")


def test_what_the_experiment_draws_must_be_there_and_nothing_else(fills, packed):
    with pytest.raises(ValueError, match="draws synthesised fills"):
        open_histories((fills,), HistoryRecipe(real=0.5, synthesised=0.5), seed=0)
    with pytest.raises(ValueError, match="no share of real fills"):
        open_histories((fills,), HistoryRecipe(), seed=0)


def test_validation_crops_show_the_fill_and_as_many_pristine_ones(fills, photograph, tmp_path):
    (tmp_path / "photographs").mkdir()
    for name in "ab":
        write_png(tmp_path / f"photographs/{name}.png", photograph)
    (image, mask), (pristine, empty) = validation_crops([fills, tmp_path / "photographs"], SIZE)
    assert image.shape == pristine.shape == (SIZE, SIZE, 3)
    assert mask.sum() == 20 * 30
    top, left = (np.argwhere(mask).min(axis=0)).tolist()
    np.testing.assert_array_equal(
        image[top : top + 20, left : left + 30], photograph[100:120, 150:180]
    )
    assert not empty.any()
    np.testing.assert_array_equal(pristine, photograph[:SIZE, :SIZE])


def test_a_layout_trains_on_its_training_part_and_validates_on_some_of_another(
    tmp_path, monkeypatch
):
    make_celeba(tmp_path, 40)
    monkeypatch.setattr(datasets.open, "HELD_OUT", 4)
    training_set, held_out = open_data((tmp_path,), (), ForgingRecipe(), 0, Layout("celeba"))

    def names(split, folder=tmp_path):
        return [folder / name for name in photographs_of("celeba", folder, split)]

    assert training_set.photographs == names("train")
    # Ten of the validation part, thinned evenly.
    assert held_out == names("val")[::3]


def test_a_selection_names_some_photographs_of_a_layout(tmp_path):
    folder, manifest = tmp_path / "celeba", tmp_path / "some.json"
    make_celeba(folder, 40)
    selection = select("celeba", folder, {"train": 5, "test": 2}, seed=1)
    write_selection(manifest, selection)
    layout = Layout("celeba", manifest)
    training_set, held_out = open_data((folder,), (), ForgingRecipe(), 0, layout)
    assert training_set.photographs == [folder / name for name in selection.parts["train"]]
    # The paper's selection has no validation part: the source's own is as far from its test.
    assert held_out == [folder / name for name in photographs_of("celeba", folder, "val")]
    with pytest.raises(ValueError, match="selects train, test of the layout celeba, not train of"):
        open_data((folder,), (), ForgingRecipe(), 0, Layout("places2_256", manifest))


def test_pairs_are_validated_on_as_they_are(tmp_path, photograph):
    mask = np.zeros(photograph.shape[:2], np.uint8)
    mask[100:120, 150:180] = 255
    write_png(tmp_path / "pairs/Tp/a.png", photograph)
    write_png(tmp_path / "pairs/Tp/pristine.png", photograph)
    write_png(tmp_path / "pairs/Gt/a.png", mask)
    (image, found), (_, empty) = validation_crops([tmp_path / "pairs"], SIZE)
    assert found.sum() == 20 * 30 and not empty.any()
    top, left = np.argwhere(found).min(axis=0)
    corner = photograph[100 - top :, 150 - left :]
    np.testing.assert_array_equal(image, corner[:SIZE, :SIZE])
    _, held_out = open_data([], [tmp_path / "pairs"], ForgingRecipe(size=SIZE), seed=0)
    assert held_out == []
    with pytest.raises(ValueError, match="pairs: is a pair folder, whose masks"):
        open_photographs([tmp_path / "pairs"], "test")
