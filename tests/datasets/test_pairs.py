import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datasets.pairs import Pair, find_pairs, is_pair_folder, read_pair
from forensics_keras.files import PAIR_LAYOUTS


def _save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def _picture(height: int = 8, width: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def _mask(height: int = 8, width: int = 12, value: int = 255) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[2:5, 3:9] = value
    return mask


@pytest.mark.parametrize(("pictures", "masks"), PAIR_LAYOUTS)
@pytest.mark.parametrize("ending", ["png", "jpg", "jpeg", "webp", "tif", "tiff", "bmp", "JPG"])
def test_layouts_and_formats(tmp_path, pictures, masks, ending):
    image = _save(tmp_path / pictures / f"a.b.{ending}", _picture())
    mask = _save(tmp_path / masks / "a.b.png", _mask())
    assert is_pair_folder(tmp_path)
    (pair,) = find_pairs(tmp_path)
    assert pair == Pair(image, mask, "a.b")
    pixels, truth = read_pair(pair)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(Image.open(image).convert("RGB")))
    np.testing.assert_array_equal(truth, _mask(value=1))


@pytest.mark.parametrize("ending", ["png", "webp", "tif", "bmp"])
@pytest.mark.parametrize("value", [1, 128, 255])
def test_any_non_zero_mask_value_counts(tmp_path, ending, value):
    _save(tmp_path / "image" / "a.png", _picture())
    mask = _mask(value=value)
    path = tmp_path / "mask" / f"a.{ending}"
    path.parent.mkdir()
    Image.fromarray(mask).save(path, **({"lossless": True} if ending == "webp" else {}))
    _, truth = read_pair(find_pairs(tmp_path)[0])
    assert truth.dtype == np.uint8
    np.testing.assert_array_equal(truth, _mask(value=1))


def test_sub_folders_and_order(tmp_path):
    for name in ("b/2", "b/1", "a", "b-c"):
        _save(tmp_path / "Tp" / f"{name}.png", _picture())
        _save(tmp_path / "Gt" / f"{name}.png", _mask())
    pairs = find_pairs(tmp_path)
    assert [pair.name for pair in pairs] == ["a", "b-c", "b/1", "b/2"]
    assert pairs[2].mask == tmp_path / "Gt" / "b" / "1.png"


def test_untouched_pictures_have_no_mask_or_an_empty_one(tmp_path):
    _save(tmp_path / "inpainted" / "empty.jpg", _picture())
    _save(tmp_path / "inpainted" / "none.jpg", _picture())
    _save(tmp_path / "mask" / "empty.png", _mask(value=0))
    empty, none = find_pairs(tmp_path)
    assert empty.mask is not None and none.mask is None
    for pair in (empty, none):
        truth = read_pair(pair)[1]
        assert truth.shape == (8, 12) and truth.dtype == np.uint8 and not truth.any()


def test_folder_of_masks_may_be_empty(tmp_path):
    _save(tmp_path / "image" / "a.png", _picture())
    (tmp_path / "mask").mkdir()
    (tmp_path / "mask" / ".gitkeep").touch()
    assert [pair.mask for pair in find_pairs(tmp_path)] == [None]


def test_two_pictures_or_two_masks_of_one_name(tmp_path):
    _save(tmp_path / "image" / "s" / "a.png", _picture())
    _save(tmp_path / "mask" / "s" / "a.png", _mask())
    twin = _save(tmp_path / "mask" / "s" / "a.bmp", _mask())
    with pytest.raises(ValueError, match=re.escape(str(twin)) + ".*a.png.*same name"):
        find_pairs(tmp_path)
    twin.unlink()
    twin = _save(tmp_path / "image" / "s" / "a.jpg", _picture())
    with pytest.raises(ValueError, match=re.escape(str(twin)) + ".*a.png.*same name"):
        find_pairs(tmp_path)


def test_mask_without_a_picture(tmp_path):
    _save(tmp_path / "image" / "a.png", _picture())
    lost = _save(tmp_path / "mask" / "b.png", _mask())
    with pytest.raises(ValueError, match=re.escape(str(lost)) + ".*without a picture b"):
        find_pairs(tmp_path)


def test_folder_without_a_layout_or_with_two(tmp_path):
    assert not is_pair_folder(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder"):
        find_pairs(tmp_path / "nowhere")
    (tmp_path / "image").mkdir()
    assert not is_pair_folder(tmp_path)
    with pytest.raises(ValueError, match=r"image/ \+ mask/, inpainted/ \+ mask/, Tp/ \+ Gt/"):
        find_pairs(tmp_path)
    (tmp_path / "mask").mkdir()
    with pytest.raises(ValueError, match="image: has no pictures"):
        find_pairs(tmp_path)
    (tmp_path / "inpainted").mkdir()
    with pytest.raises(ValueError, match=r"has image/ \+ mask/ and inpainted/ \+ mask/"):
        find_pairs(tmp_path)


def test_sizes_that_differ(tmp_path):
    image = _save(tmp_path / "image" / "a.png", _picture(8, 12))
    mask = _save(tmp_path / "mask" / "a.png", _mask(12, 8))
    with pytest.raises(ValueError) as error:
        read_pair(find_pairs(tmp_path)[0])
    assert str(error.value).startswith(f"{image} has 12x8 pixels but {mask} has 8x12")
