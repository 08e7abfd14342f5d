"""Opens what a network trains on: photographs to forge, pairs, or a mixture of folders of pairs."""

import numpy as np

from datasets.inpainting import UNTOUCHED
from datasets.packed import PackedPairs, is_packed_folder
from datasets.pairs import find_pairs, is_pair_folder
from datasets.photographs.sources import bundled_photographs, list_photographs
from datasets.training_sets import CACHE_BYTES, CroppedPairs, ForgedPhotographs, Mixture


def open_data(data, val_data, recipe, seed):
    """The training set, and the photographs that validation forgeries are made of."""
    if data is not None and (has_pairs(data) or any(map(has_pairs, data.glob("*/")))):
        if val_data is None:
            raise ValueError("--data has pairs; name photographs with --val-data")
        open_set = open_pairs if has_pairs(data) else open_mixture
        return open_set(data, recipe, seed), list_photographs(val_data)
    photographs = list_photographs(data) if data else bundled_photographs("train")
    if val_data is not None:
        held_out = list_photographs(val_data)
    else:
        count = max(len(photographs) // 10, 1)
        order = np.random.default_rng(seed).permutation(len(photographs))
        held_out = [photographs[i] for i in order[:count]]
        photographs = [photographs[i] for i in sorted(order[count:])]
    if not photographs:
        raise ValueError("one photograph is too few to train and validate; add some to --data")
    return ForgedPhotographs(photographs, recipe, seed), held_out


def has_pairs(folder):
    """Whether a folder is a pair folder, or a packed one."""
    return is_pair_folder(folder) or is_packed_folder(folder)


def open_pairs(folder, recipe, seed, cache_bytes=CACHE_BYTES):
    """The training set of a pair folder, or of a packed one."""
    if is_packed_folder(folder):
        packed = PackedPairs(folder)
        return CroppedPairs(range(len(packed)), recipe, seed, read=packed.__getitem__)
    return CroppedPairs(find_pairs(folder), recipe, seed, cache_bytes=cache_bytes)


def open_mixture(folder, recipe, seed):
    """The training set of a folder with one of pairs for each inpainter of the recipe.

    Raises:
        ValueError: If an inpainter has no folder of pairs.
    """
    shares = pair_folders(recipe)
    missing = [name for name in shares if not has_pairs(folder / name)]
    if missing:
        raise ValueError(
            f"{folder}: has no pairs of {', '.join(missing)}; build them into folders named so "
            "(python -m datasets.build --inpainter NAME)"
        )
    parts = [
        (open_pairs(folder / name, recipe, seed, CACHE_BYTES // len(shares)), share)
        for name, share in shares.items()
    ]
    return Mixture(parts, seed)


def pair_folders(recipe):
    """The folders of pairs that a mixture is drawn from, and the share of each."""
    forged = (1 - recipe.untouched) / sum(recipe.inpainters.values())
    shares = {name: forged * weight for name, weight in recipe.inpainters.items()}
    return shares | ({UNTOUCHED: recipe.untouched} if recipe.untouched else {})
