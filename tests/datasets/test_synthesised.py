"""Packed photographs with what networks make of them, by a network that is made up."""

import numpy as np
import pytest

from datasets import synthesised
from datasets.history import HistoryRecipe
from datasets.photographs.sources import bundled_photographs
from datasets.synthesised import NAMES, SynthesisedCrops, build, is_synthesised_folder
from forensics_keras.images import read_image

SIZE = 64
RECIPE = HistoryRecipe(size=SIZE, afterwards=0, soft_edge=0, bare_fill=1, compressed=0, noisy=0)


class Inverting:
    """Stands for a network: its pixels are the photograph's, inverted."""

    def __init__(self, name):
        self.name = name

    def __call__(self, images, masks):
        return 255 - images


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesised, "installed", lambda: ["one", "two"])
    monkeypatch.setattr(synthesised, "NetworkResynthesizer", Inverting)
    build(bundled_photographs("train")[:2], count=4, size=96, seed=1, out=tmp_path / "packed")
    return tmp_path / "packed"


def test_crops_are_at_the_photographs_own_pixels(folder):
    hosts, fills = (np.load(folder / f"{name}.npy") for name in NAMES)
    assert hosts.shape == fills.shape == (4, 96, 96, 3)
    np.testing.assert_array_equal(fills, 255 - hosts)
    photographs = [read_image(path) for path in bundled_photographs("train")[:2]]
    views = [
        np.lib.stride_tricks.sliding_window_view(image[..., 0], (8, 8)) for image in photographs
    ]
    assert any((view == hosts[0, :8, :8, 0]).all(axis=(2, 3)).any() for view in views)
    assert is_synthesised_folder(folder)
    assert not is_synthesised_folder(folder.parent)


def test_the_mask_is_where_the_networks_pixels_are(folder):
    recipe = HistoryRecipe(**{**vars(RECIPE), "resampled": 0, "sharpened": 0})
    crops = SynthesisedCrops(folder, recipe, seed=3, moved=0)
    dark = np.load(folder / "hosts.npy").astype(int)
    for index in range(6):
        image, mask = crops.sample(index)
        assert image.shape == (SIZE, SIZE, 3)
        assert mask.shape == (SIZE, SIZE, 1)
        inverted = np.where(mask == 1, 255 - image, image)
        assert any(
            _holds(host, np.rot90(turned, quarter))
            for host in dark
            for turned in (inverted, inverted[:, ::-1])
            for quarter in range(4)
        )


def _holds(host, part):
    """Whether a square is somewhere in a picture, looked for by its first rows."""
    views = np.lib.stride_tricks.sliding_window_view(host[..., 0], part.shape[:2])
    return bool((views == part[..., 0]).all(axis=(2, 3)).any())


def test_moved_fills_have_other_content_and_the_hosts_colours(folder):
    plain = SynthesisedCrops(folder, RECIPE, seed=3, moved=0)
    moved = SynthesisedCrops(folder, RECIPE, seed=3, moved=1)
    differences = [
        np.abs(plain.sample(index)[0].astype(int) - moved.sample(index)[0]).mean()
        for index in range(4)
    ]
    assert max(differences) > 1


def test_samples_are_the_same_every_time(folder):
    first, second = (SynthesisedCrops(folder, HistoryRecipe(size=SIZE), seed=3) for _ in range(2))
    for index in (5, 0):
        for a, b in zip(first.sample(index), second.sample(index), strict=True):
            np.testing.assert_array_equal(a, b)


def test_without_a_network_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesised, "installed", list)
    with pytest.raises(ValueError, match=r"requirements-forge\.txt"):
        build(bundled_photographs("train")[:1], 1, 96, 0, tmp_path / "packed")
    assert not (tmp_path / "packed").exists()
