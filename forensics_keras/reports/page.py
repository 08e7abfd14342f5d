"""The report as one page: pictures with their maps, sortable, in a file that needs no other."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from forensics_keras import __version__, figures, images
from forensics_keras.metadata import camera_fields
from forensics_keras.terminal import printable

if TYPE_CHECKING:
    import jinja2

    from forensics_keras.batch.job import BatchJob, Presentation
    from forensics_keras.batch.run import BatchResult

MARK = "<!-- report of irl-malp-keras -->"
SIDE = 480
"""Longer side of the pictures in the page, in pixels."""
WITH_PICTURES = 1000
"""The most suspicious inputs, which the page shows; of others it has the numbers."""
_SHOWN_ELSEWHERE = {"path", "error", "verdict", "outputs_sha256"}


def render_page(job: BatchJob, result: BatchResult, out: Path) -> str:
    """Renders the report of a job as a page that loads nothing and sends nothing.

    Args:
        job: Must have a `presentation`.
        result: What became of the inputs.
        out: Output folder, where the maps are.

    Returns:
        HTML. All that comes from files, such as their names, is escaped.
    """
    presentation = job.presentation
    if presentation is None:
        raise ValueError("this command has no report for people")
    done = [line for line in result.lines if "error" not in line]
    done.sort(key=job.suspicion, reverse=True)
    rows = [
        _row(job, presentation, line, rank, out if rank < WITH_PICTURES else None)
        for rank, line in enumerate(done)
    ]
    template = environment().get_template("report.html")
    return template.render(
        mark=MARK,
        title=presentation.title,
        version=__version__,
        date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        counts=sorted(result.counts.items()),
        passed_over=sorted(result.passed_over.items()),
        failed=[printable(line["error"]) for line in result.lines if "error" in line],
        rows=rows,
        with_pictures=WITH_PICTURES,
        verdicts=sorted({row["verdict"] for row in rows}),
        card=_card_rows(presentation.card),
        method={name: _text(value) for name, value in job.identity.items()},
        limits=presentation.limits,
        script=_static("report.js"),
        script_hash=_source_hash(_static("report.js")),
        style=_static("report.css"),
    )


def _row(
    job: BatchJob,
    presentation: Presentation,
    line: Mapping[str, Any],
    rank: int,
    out: Path | None,
) -> dict[str, Any]:
    """What the page shows of an input."""
    fields = {
        name: _text(value)
        for name, value in line.items()
        if name not in _SHOWN_ELSEWHERE and name not in job.outputs and name not in job.identity
    }
    picture = heat = None
    if out is not None:
        # The picture may have been moved; the report is about what was read then.
        with contextlib.suppress(OSError, ValueError):
            picture, heat, camera = _pictures(line["path"], out / line[presentation.map])
            fields |= camera
    return {
        "id": f"picture-{rank}",
        "path": printable(line["path"]),
        "name": printable(os.path.basename(line["path"])),
        "verdict": job.outcome(line),
        "finding": job.finding(line),
        "suspicion": f"{job.suspicion(line):.6f}",
        "is_alarm": job.outcome(line) in job.alarms,
        "fields": fields,
        "picture": picture,
        "heat": heat,
    }


def _pictures(path: str, map_file: Path) -> tuple[str, str, dict[str, str]]:
    """A small picture, the same with its heat map, and what its camera wrote."""
    data = images.read_bytes(path)
    small = figures.thumbnail(images.decode_image(data, path), SIDE)
    levels = Image.fromarray(images.read_image(map_file)[..., 0])
    size = small.shape[1], small.shape[0]
    values = np.asarray(levels.resize(size, Image.Resampling.BOX), np.float32) / 255
    heat = figures.overlay(small, values)
    return _jpeg(small), _jpeg(heat), camera_fields(data)


def _jpeg(picture: np.ndarray) -> str:
    encoded = base64.b64encode(images.encode_jpeg(picture, 80)).decode()
    return f"data:image/jpeg;base64,{encoded}"


def _card_rows(card: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a card that are prose or single values, not its tables of numbers."""
    texts = {}
    for name, value in card.items():
        if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
            value = " ".join(value)
        if isinstance(value, str | int | float):
            texts[name.replace("_", " ")] = _text(value)
    return texts


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return "; ".join(map(_text, value)) or "none"
    return "none" if value is None else printable(value)


@cache
def environment() -> jinja2.Environment:
    """The templates of all pages, in which everything is escaped."""
    import jinja2  # only pages need it

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _static(name: str) -> str:
    return Path(__file__).parent.joinpath("templates", name).read_text("utf-8")


def _source_hash(text: str) -> str:
    """The hash by which the page's policy allows its own script and no other."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
