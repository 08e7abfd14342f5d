"""Measures all networks of a table on the same pictures in one run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from datasets.pairs import Pair, find_pairs, is_pair_folder, read_pair
from datasets.photographs.sources import bundled_photographs, list_photographs
from evaluation.measuring import (
    GRID_PICTURES,
    UNTOUCHED,
    Conditions,
    Picture,
    forge_photograph,
    grid_row,
    method_records,
    trivial_records,
)
from evaluation.tables.specs import Row
from forensics_keras import metrics
from forensics_keras.images import read_image
from forensics_keras.localizer import Localizer


@dataclass(frozen=True)
class Source:
    """Where a picture comes from.

    Attributes:
        data: What the tables call its data set.
        name: Of the picture.
        read: Reads or forges it.
        published: Whether others forged it.
    """

    data: str
    name: str
    read: Callable[[], Picture]
    published: bool = False


def photographs_to_forge(
    folder: Path | None, name: str, limit: int | None, conditions: Conditions
) -> list[Source]:
    """Photographs to forge.

    Args:
        folder: Of the photographs; without it the bundled test photographs.
        name: What the tables call them.
        limit: The first so many, or all.
        conditions: How they are forged.
    """
    paths = (list_photographs(folder) if folder else bundled_photographs("test"))[:limit]
    root = folder or paths[0].parent
    names = [path.relative_to(root).as_posix() for path in paths]
    return [
        Source(name, one, partial(forge_photograph, path, one, conditions))
        for path, one in zip(paths, names, strict=True)
    ]


def published_forgeries(folder: Path, limit: int | None) -> list[Source]:
    """Forgeries by inpainters that were not trained here: every pair folder in a folder.

    Untouched twins are read from `original/` beside `image/` and `mask/`, where they are.

    Args:
        folder: With one pair folder for each inpainter, which is called like it.
        limit: The first so many of each, or all.

    Raises:
        OSError: If the folder is missing.
        ValueError: If it has no pair folder.
    """
    folders = [path for path in sorted(folder.iterdir()) if is_pair_folder(path)]
    if not folders:
        raise ValueError(f"{folder}: has no pair folders; give the folder that they are in")
    return [
        Source(one.name, pair.name, partial(_read_published, one, pair), published=True)
        for one in folders
        for pair in find_pairs(one)[:limit]
    ]


def _read_published(folder: Path, pair: Pair) -> Picture:
    image, mask = read_pair(pair)
    versions = {folder.name: image}
    twins = list((folder / "original").glob(f"{pair.name}.*"))
    if twins:
        versions[UNTOUCHED] = read_image(twins[0])
    return Picture(f"{folder.name}/{pair.name}", versions, mask)


def measure_rows(
    sources: Sequence[Source],
    rows: Sequence[Row],
    localizers: Sequence[Localizer],
    conditions: Conditions,
) -> tuple[list[dict], list[dict], list[tuple]]:
    """Measures all rows on all pictures; those that cannot be read are named and left out.

    Args:
        sources: The pictures.
        rows: Of the table.
        localizers: The network of each row.
        conditions: Seed and threshold.

    Returns:
        The records of `measuring.score`, each with `data`, `training`, `trained on` and `left_out`
        (whether the row's training left this inpainter out on purpose); the failures; and the rows
        of the figure.
    """
    methods = list(zip(rows, localizers, strict=True))
    measure = partial(_measure_picture, methods=methods, conditions=conditions)
    records, failed, figure = [], [], []
    # While a network computes, other pictures are forged and scored.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = zip(sources, pool.map(measure, sources), strict=True)
        for source, result in tqdm(results, total=len(sources), unit="picture", disable=None):
            if isinstance(result, Exception):
                tqdm.write(f"{source.name}: {result}", file=sys.stderr)
                failed.append({"picture": source.name, "error": str(result)})
                continue
            picture, found = result
            if not source.published and len(figure) < GRID_PICTURES:
                figure.append(_figure_row(picture, methods, len(figure), conditions))
            records += found
    return records, failed, figure


def _measure_picture(
    source: Source, methods: Sequence[tuple[Row, Localizer]], conditions: Conditions
) -> tuple[Picture, list[dict]] | Exception:
    """A picture and its scores, or why it could not be measured."""
    try:
        picture = source.read()
        found = _trivial(picture, source, conditions)
        for row, localizer in methods:
            if row.published or not source.published:
                found += _measured(picture, source, row, localizer, conditions)
    except (OSError, ValueError) as error:
        return error
    return picture, found


def _trivial(picture: Picture, source: Source, conditions: Conditions) -> list[dict]:
    shared = {"data": source.data, "training": "-", "trained on": "-", "left_out": False}
    return [{**record, **shared} for record in trivial_records(picture, conditions)]


def _measured(
    picture: Picture, source: Source, row: Row, localizer: Localizer, conditions: Conditions
) -> list[dict]:
    """Scores of one row on the versions of a picture that it is measured on."""
    wanted = picture.versions if source.published else (*row.tested_on, UNTOUCHED)
    versions = [name for name in wanted if name in picture.versions]
    degradations = ("clean",) if source.published else row.degradations
    return [
        {
            **record,
            "data": source.data,
            "training": row.training,
            "trained on": row.label,
            "left_out": record["inpainter"] == row.left_out,
        }
        for record in method_records(picture, localizer, versions, degradations, conditions)
    ]


def _figure_row(
    picture: Picture,
    methods: Sequence[tuple[Row, Localizer]],
    index: int,
    conditions: Conditions,
) -> tuple[str, dict[str, np.ndarray]]:
    """The masks that the methods find on one forgery, inpainters in turn.

    Of a method with several networks, the first that is measured on this inpainter counts.
    """
    forged = [name for name in picture.versions if name != UNTOUCHED]
    inpainter = forged[index % len(forged)]
    maps: dict[str, np.ndarray] = {}
    for row, localizer in methods:
        if row.method not in maps and inpainter in row.tested_on:
            probability = localizer.localize(picture.versions[inpainter]).map
            maps[row.method] = metrics.flagged_pixels(probability, conditions.threshold)
    return grid_row(picture, inpainter, maps, f"{picture.name}, {inpainter}")
