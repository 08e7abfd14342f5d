"""Opens what a network trains on: photographs to forge, pairs, or a mixture of folders of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from datasets.forging import ForgingRecipe, Window, crop
from datasets.history import HistoryRecipe, forge_with_history
from datasets.inpainting import UNTOUCHED
from datasets.packed import PackedPairs, is_packed_folder
from datasets.pairs import find_pairs, is_pair_folder, read_pair
from datasets.photographs.selection import read_selection, selected_photographs
from datasets.photographs.sources import bundled_photographs, list_photographs
from datasets.real_fills import FillCrops, is_fill_folder, list_fills, read_fill
from datasets.synthesised import SynthesisedCrops, is_synthesised_folder
from datasets.training_sets import (
    CACHE_BYTES,
    CroppedPairs,
    ForgedPhotographs,
    Mixture,
    TrainingSet,
)
from forensics_keras.images import read_image

HELD_OUT = 500
"""Validation photographs of a published data set, at most: they are forged before a training."""


@dataclass(frozen=True)
class Layout:
    """How folders of photographs are organized that are not just folders.

    Attributes:
        source: Key of `datasets.photographs.sources.SOURCES`.
        selection: Manifest of `datasets.photographs.selection`; `None` for all photographs.
    """

    source: str
    selection: Path | None = None

    def photographs(self, folders: Sequence[Path], split: str) -> list[Path]:
        """Lists the photographs of a part, in all folders.

        Raises:
            ValueError: If there is no folder, or as `selected_photographs`.
            OSError: As `selected_photographs`.
        """
        if not folders:
            raise ValueError(f"--layout {self.source}: name its folder with --data")
        return [
            folder / name
            for folder in folders
            for name in selected_photographs(folder, split, self.source, self.selection)
        ]

    def held_out(self, folders: Sequence[Path]) -> list[Path]:
        """Lists photographs to validate on: of the validation part, `HELD_OUT` at most.

        Those of the selection, or, as the paper's has none, of the whole source.
        """
        layout = self
        if self.selection and "val" not in read_selection(self.selection, folders[0]).parts:
            layout = replace(self, selection=None)
        found = layout.photographs(folders, "val")
        return found[:: -(-len(found) // HELD_OUT)]


def open_photographs(folders: Sequence[Path], split: str) -> list[Path]:
    """Lists the photographs of all folders; the bundled ones of a split where there is none.

    Raises:
        ValueError: If a folder has no photograph, or has pairs.
        OSError: If a folder cannot be listed.
    """
    if not folders:
        return bundled_photographs(split)
    for folder in folders:
        if is_pair_folder(folder):
            raise ValueError(
                f"{folder}: is a pair folder, whose masks are no photographs; "
                "name its folder of pictures"
            )
    return [path for folder in folders for path in list_photographs(folder)]


def open_data(
    data: Sequence[Path],
    val_data: Sequence[Path],
    recipe: ForgingRecipe,
    seed: int,
    layout: Layout | None = None,
) -> tuple[TrainingSet, list[Path]]:
    """Opens what a localizer is trained on.

    Args:
        data: Folders of photographs, or one that `has_pairs` or has such folders in it, one for
            each inpainter of the recipe; the bundled photographs when empty.
        val_data: Folders of photographs, or of pairs; when empty, a tenth of the photographs of
            `data`.
        recipe: How crops are forged, or drawn from pairs.
        seed: Seed of the training set.
        layout: Of `data` and `val_data`, whose training and validation parts are taken; without
            `val_data` both are those of `data`. Pairs in `data` have none.

    Returns:
        The training set, and the photographs that validation forgeries are made of; none where
        `val_data` has forgeries.

    Raises:
        ValueError: If there are too few photographs, or pairs without `val_data`.
        OSError: If a folder cannot be read.
    """
    forged = [f for f in data if has_pairs(f) or any(map(has_pairs, f.glob("*/")))]
    if forged:
        if len(data) > 1:
            raise ValueError("--data: has pairs; give one folder that holds them all")
        if not val_data:
            raise ValueError("--data has pairs; name photographs or pairs with --val-data")
        open_set = open_pairs if has_pairs(forged[0]) else open_mixture
        held_out = layout.held_out(val_data) if layout else held_out_photographs(val_data)
        return open_set(forged[0], recipe, seed), held_out
    if layout:
        training_set = ForgedPhotographs(layout.photographs(data, "train"), recipe, seed)
        return training_set, layout.held_out(val_data or data)
    photographs = open_photographs(data, "train")
    if val_data:
        held_out = held_out_photographs(val_data)
    else:
        count = max(len(photographs) // 10, 1)
        order = np.random.default_rng(seed).permutation(len(photographs))
        held_out = [photographs[i] for i in order[:count]]
        photographs = [photographs[i] for i in sorted(order[count:])]
    if not photographs:
        raise ValueError("one photograph is too few to train and validate; add some to --data")
    return ForgedPhotographs(photographs, recipe, seed), held_out


def held_out_photographs(val_data: Sequence[Path]) -> list[Path]:
    """Lists the photographs that validation forgeries are made of; none if there are forgeries."""
    return [] if any(map(has_masks, val_data)) else open_photographs(val_data, "test")


def has_pairs(folder: Path) -> bool:
    """Says whether a folder is a pair folder, or a packed one."""
    return is_pair_folder(folder) or is_packed_folder(folder)


def has_masks(folder: Path) -> bool:
    """Says whether a folder's pictures are forged already: real fills, or pairs."""
    return is_fill_folder(folder) or is_pair_folder(folder)


def open_pairs(
    folder: Path, recipe: ForgingRecipe, seed: int, cache_bytes: int = CACHE_BYTES
) -> TrainingSet:
    """Opens the training set of a pair folder, or of a packed one."""
    if is_packed_folder(folder):
        packed = PackedPairs(folder)
        return CroppedPairs(range(len(packed)), recipe, seed, read=packed.__getitem__)
    return CroppedPairs(find_pairs(folder), recipe, seed, cache_bytes=cache_bytes)


def open_mixture(folder: Path, recipe: ForgingRecipe, seed: int) -> TrainingSet:
    """Opens the training set of a folder with one of pairs for each inpainter of the recipe.

    Raises:
        ValueError: If an inpainter has no folder of pairs.
    """
    shares = pair_folders(recipe)
    missing = [name for name in shares if not has_pairs(folder / name)]
    if missing:
        raise ValueError(
            f"{folder}: has no pairs of {', '.join(missing)}; build them into folders named so "
            "(python -m datasets.build --inpainters NAME)"
        )
    parts = [
        (open_pairs(folder / name, recipe, seed, CACHE_BYTES // len(shares)), share)
        for name, share in shares.items()
    ]
    return Mixture(parts, seed)


def pair_folders(recipe: ForgingRecipe) -> dict[str, float]:
    """Names the folders of pairs that a mixture is drawn from, with the share of each."""
    forged = (1 - recipe.untouched) / sum(recipe.inpainters.values())
    shares = {name: forged * weight for name, weight in recipe.inpainters.items()}
    return shares | ({UNTOUCHED: recipe.untouched} if recipe.untouched else {})


def open_histories(data: Sequence[Path], recipe: HistoryRecipe, seed: int) -> TrainingSet:
    """Opens the training set of a recipe with histories.

    Args:
        data: Folders of photographs (the bundled ones if there is none), of real fills, and of
            photographs with what networks made of them; what a folder holds tells which it is.
        recipe: What to draw.
        seed: Seed of the training set.

    Raises:
        ValueError: If a folder that the recipe asks for is missing, or one is not asked for.
        OSError: If a folder cannot be read.
    """
    kinds: dict[str, list[Path]] = {"real": [], "synthesised": [], "photographs": []}
    for folder in data:
        kinds[_kind(folder)].append(folder)
    photographs = open_photographs(kinds["photographs"], "train")
    forged = recipe.untouched + recipe.history_only + recipe.filled
    parts: list[tuple[TrainingSet, float]] = [
        (ForgedPhotographs(photographs, recipe, seed, forge_with_history), forged)
    ]
    for name, weight in (("real", recipe.real), ("synthesised", recipe.synthesised)):
        folders = kinds[name]
        if bool(folders) != bool(weight):
            raise ValueError(_mismatch(name, folders))
        for folder in folders:
            if name == "real":
                part: TrainingSet = FillCrops(folder, photographs, recipe, seed)
            else:
                part = SynthesisedCrops(folder, recipe, seed)
            parts.append((part, weight / len(folders)))
    return Mixture(parts, seed)


def _kind(folder: Path) -> str:
    if is_synthesised_folder(folder):
        return "synthesised"
    return "real" if is_fill_folder(folder) else "photographs"


def _mismatch(name: str, folders: Sequence[Path]) -> str:
    if folders:
        return f"{folders[0]}: the experiment has no share of {name} fills; leave the folder out"
    remedy = {
        "real": "a folder with TOOL/image/ and TOOL/mask/",
        "synthesised": "what `python -m datasets.synthesised` writes",
    }[name]
    return f"the experiment draws {name} fills; name {remedy} with --data"


def validation_crops(folders: Sequence[Path], size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cuts validation crops out of real fills and pairs, and as many out of pristine photographs.

    Args:
        folders: Of real fills, of pairs and of photographs; at least one of the former.
        size: Side of the crops, in pixels; smaller pictures are continued by reflection.

    Returns:
        Pictures, uint8 (size, size, 3), around the middle of each fill, and masks, uint8
        (size, size); then corners of photographs, with empty masks.

    Raises:
        ValueError: If a folder has no picture.
        OSError: If a file cannot be read.
    """
    readers = [
        partial(read_fill, path)
        for folder in folders
        if is_fill_folder(folder)
        for scenes in list_fills(folder).values()
        for scene in scenes
        for path in scene
    ]
    readers += [
        partial(read_pair, pair)
        for folder in folders
        if is_pair_folder(folder)
        for pair in find_pairs(folder)
    ]
    crops = []
    for image, mask in (read() for read in readers):
        rows, columns = np.nonzero(mask if mask.any() else mask == 0)
        middle = int(rows.mean()) - size // 2, int(columns.mean()) - size // 2
        corner = [
            min(max(start, 0), max(side - size, 0))
            for start, side in zip(middle, mask.shape, strict=True)
        ]
        window = Window(*corner, size)
        both = crop(np.dstack([image, mask]), window, size)
        crops.append((both[..., :3].copy(), both[..., 3].copy()))
    photographs = [folder for folder in folders if not has_masks(folder)]
    if photographs:
        paths = open_photographs(photographs, "test")
        empty = np.zeros((size, size), np.uint8)
        chosen = paths[:: max(len(paths) // len(crops), 1)][: len(crops)]
        crops += [(crop(read_image(path), Window(0, 0, size), size), empty) for path in chosen]
    return crops
