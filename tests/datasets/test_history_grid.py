"""The picture of histories: what differs from the photograph, and what is said of it."""

import numpy as np

from datasets import history_grid
from datasets.history_grid import HEADERS, SIZE, describe, grid_row
from forensics_keras.images import read_image


def test_a_row_shows_what_the_histories_left(photograph):
    label, (content, image, mask, left) = grid_row(photograph, seed=5)
    assert content.shape == image.shape == left.shape == (SIZE, SIZE, 3)
    assert 0 < mask.mean() < 1
    unchanged = (image == content).all(axis=-1)
    assert (left[unchanged] == 128).all() and (left[~unchanged] != 128).any(axis=-1).all()
    host, fill = label.removeprefix("host: ").split("; fill: ")
    assert host != fill
    # What went through nothing is as it was.
    for text, inside in ((host, False), (fill, True)):
        assert (text == "none") == unchanged[mask == inside].all()


def test_steps_are_named_with_their_main_number():
    assert describe(()) == "none"
    history = ("noise", (2.345, 7)), ("jpeg", (80, "4:2:0", 3, 4))
    assert describe(history) == "noise 2.3, jpeg 80"


def test_the_command_writes_a_grid(tmp_path):
    assert history_grid.main(["--out", str(tmp_path / "grid.png"), "--rows", "1"]) == 0
    grid = read_image(tmp_path / "grid.png")
    assert grid.shape[1] > len(HEADERS) * SIZE
    assert np.ptp(grid) == 255
