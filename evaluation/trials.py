"""What each evaluation shows its methods of a picture: forgeries, or what became of protection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from datasets.inpainting import UNTOUCHED
from datasets.manipulations import MANIPULATIONS, Manipulation, foreign
from datasets.manipulations.local import Splice
from datasets.photographs.sources import bundled_photographs
from evaluation.measure import ANY, CLEAN, HARMLESS, Trial, Trials, baselines, map_scores
from evaluation.pictures import Source, Versions, picture_seed
from forensics_keras import metrics
from forensics_keras.images import read_image
from forensics_keras.localizer import Finding, Localizer
from malp_keras.calibration import AUTHENTIC, MANIPULATED, UNPROTECTED
from malp_keras.ground_truth import cosine, difference_map


@dataclass(frozen=True)
class Contestant:
    """A method and the forgeries that it looks at.

    Attributes:
        method: The method.
        degradations: Specs of `datasets.degradations`.
        inpainters: Inpainters of the forgeries; `None` for all of them.
        published: Whether it looks at published forgeries, too, without a degradation.
        fields: What its records say besides.
    """

    method: Localizer
    degradations: Sequence[str] = (CLEAN,)
    inpainters: Sequence[str] | None = None
    published: bool = True
    fields: Mapping[str, object] = field(default_factory=dict)


def forged_trials(
    contestants: Sequence[Contestant],
    seed: int,
    threshold: float,
    no_training: Mapping[str, object] | None = None,
    by_tool: bool = False,
) -> Trials:
    """Shows forgeries, and the same pictures untouched, to trivial baselines and to methods.

    The baselines know nothing of the picture, and the mask is the same under every condition, so
    that one forgery of a picture stands for all, unless each tool has pictures of its own
    (`by_tool`). Their records have the fields of `no_training`.
    """
    trivial = baselines(seed, threshold)

    def trials(number: int, source: Source) -> Iterator[Trial]:
        versions: Versions = source.read()
        shared = {"data": source.data} if source.data else {}
        shown = versions.forged and versions.forged[number % len(versions.forged)]

        def trial(method, name, label, spec, more, in_grid=False):
            labels = {**shared, **more, "inpainter": label}
            truth, mask = (AUTHENTIC, None) if name == UNTOUCHED else (MANIPULATED, versions.mask)
            image, original = versions.images[name], versions.images.get(UNTOUCHED)
            return Trial(method, image, mask, truth, spec, labels, original, in_grid)

        once = {name if by_tool or name == UNTOUCHED else ANY: name for name in versions.images}
        for method in trivial:
            for label, name in once.items():
                yield trial(method, name, label, ANY, no_training or {})
        for one in contestants:
            if source.published and not one.published:
                continue
            wanted = versions.images
            if one.inpainters is not None and not source.published:
                wanted = [name for name in (*one.inpainters, UNTOUCHED) if name in wanted]
            alone = source.published and not by_tool
            degradations = (CLEAN,) if alone else one.degradations
            for name in wanted:
                for spec in degradations:
                    is_shown = name == shown and spec == degradations[0] and not alone
                    yield trial(one.method, name, name, spec, one.fields, is_shown)

    return trials


@dataclass(frozen=True)
class Conditions:
    """What happens to protected pictures.

    Attributes:
        manipulations: Each is measured under every degradation.
        degradations: Specs of `datasets.degradations`.
        harmless: Mild changes that must not be called manipulation.
    """

    manipulations: Sequence[Manipulation]
    degradations: Sequence[str] = (CLEAN,)
    harmless: Sequence[Manipulation] = ()

    @property
    def names(self) -> list[str]:
        """The names of the manipulations."""
        return [manipulation.name for manipulation in self.manipulations]


def protected_trials(
    methods: Sequence[Localizer],
    conditions: Conditions,
    seed: int,
    trivial: Sequence[Localizer] = (),
) -> Trials:
    """Has each method protect a photograph, and shows it what became of that.

    Trivial baselines look at the pictures of the first method, without a degradation: their maps
    are the same under all of them.
    """

    def trials(number: int, source: Source) -> Iterator[Trial]:
        photograph, drawn = source.read(), picture_seed(source.name, seed)
        shown = conditions.names[number % len(conditions.names)] if conditions.names else None
        for method in methods:
            others = trivial if method is methods[0] else ()
            labels = {"manipulation": UNTOUCHED, "family": ""}
            untouched = partial(Trial, fields=labels, original=photograph)
            protected = method.protect(photograph)
            for spec in conditions.degradations:
                yield untouched(method, protected, degradation=spec)
                if method.protects:
                    yield untouched(method, photograph, truth=UNPROTECTED, degradation=spec)
            for change in conditions.harmless:
                [changed] = change(protected[np.newaxis], [drawn])
                spec = f"{HARMLESS}:{change.name}"
                yield untouched(method, changed.image, degradation=spec)
            for one in others:
                yield untouched(one, protected)
            for manipulation in conditions.manipulations:
                [result] = manipulation(protected[np.newaxis], [drawn])
                labels = {"manipulation": manipulation.name, "family": manipulation.family}
                made = partial(Trial, fields=labels, original=photograph, truth=MANIPULATED)
                is_shown = method is methods[0] and manipulation.name == shown
                for spec in conditions.degradations:
                    in_grid = is_shown and spec == conditions.degradations[0]
                    yield made(method, *result, degradation=spec, in_grid=in_grid)
                for one in others:
                    yield made(one, *result)

    return trials


def difference_scores(trial: Trial, finding: Finding) -> dict[str, float]:
    """Scores a fakeness map, of manipulated pictures also against the difference of eq. (5).

    Adds `cosine`, `PSNR` and `SSIM`, and `constant`, the cosine that a constant map would have.
    """
    if trial.truth != MANIPULATED:
        return map_scores(trial, finding)
    difference = difference_map(trial.original, trial.image)
    return {
        "cosine": cosine(finding.map, difference),
        # Templates of other strengths show more or less in the truth: each has another floor.
        "constant": cosine(np.ones_like(difference), difference),
        "PSNR": metrics.picture_psnr(finding.map, difference, max_value=1.0),
        "SSIM": metrics.picture_ssim(finding.map, difference, max_value=1.0),
        **map_scores(trial, finding),
    }


def find_manipulation(
    name: str,
    value_range: tuple[float, float] = (-1.0, 1.0),
    size: int | None = None,
    trust: bool = False,
) -> Manipulation:
    """Finds a manipulation by its name, or makes one of a user's file or folder.

    What is spliced in comes from bundled training photographs, so that a picture's manipulation
    depends on no other picture. `value_range` (black and white) and `size` are those of a user's
    network; `trust` allows a SavedModel, which is a program. Raises ValueError if there is no such
    manipulation.
    """
    if name == "splice":
        return Splice([read_image(path) for path in bundled_photographs("train")])
    if name in MANIPULATIONS:
        return MANIPULATIONS[name]
    path, network = Path(name), {"value_range": value_range, "size": size}
    if (path / "protected").is_dir():
        return foreign.from_pairs(path)
    if path.is_dir() and not trust:
        raise ValueError(
            f"{path}: a SavedModel is a program that may do whatever you may; "
            "add --trust if you trust whoever made it"
        )
    if path.is_dir():
        return foreign.from_saved_model(path, **network)
    if path.suffix == ".onnx":
        return foreign.from_onnx(path, **network)
    if path.suffix in (".keras", ".h5"):
        return foreign.from_keras(path, **network)
    raise ValueError(
        f"unknown manipulation {name!r}; known are: {', '.join(MANIPULATIONS)}, "
        "and files .keras and .onnx"
    )
