"""Crops of real fills, made of a folder that is made up."""

import cv2
import numpy as np
import pytest

from datasets.history import HistoryRecipe
from datasets.photographs.sources import bundled_photographs
from datasets.real_fills import FillCrops, list_fills

SIZE = 64
FILL = (10, 200, 30)


@pytest.fixture
def folder(tmp_path, photograph):
    """Two tools; what they fill is green, and the pictures 0 and 1 of `one` are of one scene."""
    rows = ["path,tool,scene"]
    for tool, names in {"one": ("000", "001", "002"), "two": ("000",)}.items():
        for kind in ("image", "mask"):
            (tmp_path / "train" / tool / kind).mkdir(parents=True)
        for name in names:
            mask = np.zeros(photograph.shape[:2], np.uint8)
            mask[60:120, 80:180] = 255
            image = np.where(mask[..., None] > 0, np.uint8(FILL), photograph)
            cv2.imwrite(
                str(tmp_path / f"train/{tool}/image/{name}.webp"), image[..., ::-1], [64, 101]
            )
            cv2.imwrite(str(tmp_path / f"train/{tool}/mask/{name}.png"), mask)
            scene = "dog" if tool == "one" and name < "002" else ""
            rows.append(f"train/{tool}/image/{name}.webp,{tool},{scene}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    return tmp_path / "train"


def crops(folder, **arguments):
    recipe = HistoryRecipe(size=SIZE, afterwards=0)
    return FillCrops(folder, bundled_photographs("train")[:2], recipe, seed=1, **arguments)


def test_pictures_are_grouped_by_tool_and_scene(folder):
    tools = list_fills(folder)
    assert [len(scene) for scene in tools["one"]] == [2, 1]
    assert [len(scene) for scene in tools["two"]] == [1]


def test_folders_without_fills_are_refused(tmp_path):
    with pytest.raises(ValueError, match="TOOL/image"):
        list_fills(tmp_path)


def test_the_same_sample_comes_again(folder):
    one, other = crops(folder), crops(folder)
    other.sample(0)
    for index in (3, 4, 5):
        for a, b in zip(one.sample(index), other.sample(index), strict=True):
            np.testing.assert_array_equal(a, b)


def test_masks_show_where_the_fill_is(folder):
    for index in range(20):
        image, mask = crops(folder, transplanted=0).sample(index)
        assert image.shape == (SIZE, SIZE, 3) and mask.shape == (SIZE, SIZE, 1)
        green = np.abs(image.astype(int) - FILL).max(axis=-1) < 2
        np.testing.assert_array_equal(green, mask[..., 0] == 1)
        assert mask.any()


def test_transplanted_fills_have_the_hosts_colours(folder):
    """So that the change of content does not show where the fill is."""
    for index in range(20):
        image, mask = crops(folder, transplanted=1).sample(index)
        inside = mask[..., 0] == 1
        assert inside.sum() >= 24 and inside.mean() <= 0.6
        assert np.abs(image[inside].astype(float) - FILL).mean() > 20


def test_pictures_smaller_than_the_crop_are_continued_by_reflection(folder):
    recipe = HistoryRecipe(size=320, afterwards=0)
    crops = FillCrops(folder, bundled_photographs("train")[:1], recipe, 1, 0.0, 0.0)
    small = cv2.imread(str(folder / "two/image/000.webp"))
    assert min(small.shape[:2]) < 320
    image, mask = crops.sample(0)
    assert image.shape == (320, 320, 3) and mask.any()
    np.testing.assert_array_equal(image[mask[..., 0] == 1], np.tile(FILL, (mask.sum(), 1)))
