"""`python -m irl_keras predict`: pictures and folders in; maps, masks, overlays and a report out.

For each picture `a/b.jpg` of a given folder (and for each picture `b.jpg` given by itself, without
its folders) there are

* `OUT/prob/a/b.png`: 8-bit greyscale, the probability times 255, rounded;
* `OUT/mask/a/b.png`: 255 where the probability reaches the threshold, else 0;
* `OUT/overlay/a/b.jpg`: the probability as a heat map over the picture;
* a line in `OUT/report.jsonl`.

All have the size of the upright picture (but an overlay is scaled down where JPEG's limit on the
length of a side demands it). Of inputs that would share a name the first one gets it, the next ones
`a/b.jpg`, `a/b.jpg-2` and so on in place of `a/b`; names that an earlier run gave are kept, because
the report remembers which input, by absolute path, has which outputs.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from irl_keras import images, metrics, reports
from irl_keras.files import write_atomically
from irl_keras.localizers import Localizer, ModelLocalizer
from irl_keras.presets import from_preset, load_model_file, read_card

OUTPUTS = {"prob": ".png", "mask": ".png", "overlay": ".jpg"}
"""Subfolders of the output folder and the endings of the files in them."""

_JPEG_SIDE = 65_500
_BAND_PIXELS = 4_000_000


class Source(NamedTuple):
    """An input.

    Attributes:
        path: Absolute path; identifies the input in the report.
        name: Path below the given folder, or the file's name, with "/" and with its ending.
        problem: Why there is nothing to read, or None.
    """

    path: str
    name: str
    problem: str | None = None


class Method(NamedTuple):
    """What the outputs depend on besides the picture; these fields are in each report line.

    Attributes:
        preset: Name in the preset's model card, or of the weights file.
        preset_sha256: SHA-256 of its weights.
        threshold: Probability from which a pixel is flagged, in (0, 1].
    """

    preset: str
    preset_sha256: str
    threshold: float


def localize_file(
    path: str | os.PathLike, localizer: Localizer
) -> tuple[np.ndarray, np.ndarray, str]:
    """Reads a picture and localizes inpainting in it.

    Args:
        path: Picture file.
        localizer: The method.

    Returns:
        The upright picture, uint8 (H, W, 3); the probabilities, float32 (H, W), 0 to 1; and the
        SHA-256 of the file in hexadecimal.

    Raises:
        ValueError: The file is not a picture, damaged, too large or too small.
        OSError: The file is missing or cannot be read.
    """
    data = images.read_bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    image = images.decode_image(data, path)
    del data  # large, and the network needs the memory
    try:
        return image, localizer.localize(image), sha256
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def find_sources(paths: Iterable[str], out: Path) -> list[Source]:
    """Lists the inputs: files as they are given, the pictures of folders in sorted order.

    Links to folders are not followed; the output folder is left out. What is given twice is listed
    once. Missing paths, unreadable folders and folders without pictures are listed with their
    problem.

    Args:
        paths: Files and folders.
        out: Output folder.

    Returns:
        The inputs in order.
    """
    sources: dict[str, Source] = {}
    for path in paths:
        found = _walk(path, out) if path and os.path.isdir(path) else [_single(path)]
        for source in found:
            sources.setdefault(source.path, source)
    return list(sources.values())


def _single(path: str) -> Source:
    if not path or not os.path.lexists(path):
        return Source(os.path.abspath(path) if path else "", path, "no such file; check the path")
    return Source(os.path.abspath(path), os.path.basename(path))


def _walk(folder: str, out: Path) -> list[Source]:
    root = os.path.abspath(folder)
    outputs = {os.path.realpath(out), *(os.path.realpath(out / name) for name in OUTPUTS)}
    found = []

    def unreadable(error: OSError) -> None:
        problem = f"cannot be listed ({error.strerror}); change its permissions"
        found.append(Source(error.filename, os.path.relpath(error.filename, root), problem))

    for parent, folders, files in os.walk(root, onerror=unreadable):
        folders[:] = [
            name for name in folders if os.path.realpath(os.path.join(parent, name)) not in outputs
        ]
        for name in files:
            if name.lower().endswith(images.PICTURE_SUFFIXES):
                path = os.path.join(parent, name)
                found.append(Source(path, Path(path).relative_to(root).as_posix()))
    if not found:
        endings = ", ".join(suffix[1:] for suffix in images.PICTURE_SUFFIXES)
        return [Source(root, folder, f"has no pictures ({endings}); give another folder")]
    return sorted(found, key=lambda source: source.name.split("/"))


def assign_names(sources: Iterable[Source], taken: dict[str, str]) -> dict[str, str]:
    """Gives each input a name for its outputs that no other input has.

    Names that differ only in letter case or in Unicode form count as the same, because file
    systems exist for which they are.

    Args:
        sources: The inputs.
        taken: Names given earlier, by the input's path.

    Returns:
        Names with "/" and without ending, by the input's path.
    """
    used = {_folded(name) for name in taken.values()}
    names = {}
    for source in sources:
        if source.path in taken:
            names[source.path] = taken[source.path]
            continue
        *folders, last = source.name.split("/")
        # A folder "b.png" would be in the way of the output "b.png" of a picture "b.jpg".
        folders = [
            f"{name}_" if name.lower().endswith((".png", ".jpg")) else name for name in folders
        ]
        full = "/".join([*folders, last])
        bare = "/".join([*folders, os.path.splitext(last)[0]])
        candidates = itertools.chain([bare, full], (f"{full}-{i}" for i in itertools.count(2)))
        name = next(name for name in candidates if _folded(name) not in used)
        used.add(_folded(name))
        names[source.path] = name
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


_LINE_FIELDS = {"path", "sha256", "verdict", *Method._fields, *OUTPUTS}


class Report:
    """The lines of `report.jsonl`, one for each input, valid after a kill at any moment.

    Lines are appended as inputs are done. A last line that a kill cut short is dropped when the
    report is opened again.

    Args:
        path: The file; need not exist.

    Attributes:
        lines: Report lines by the input's path.

    Raises:
        ValueError: The file is something else.
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path):
        self.path = path
        self.lines: dict[str, dict] = {}
        text = path.read_bytes() if path.exists() else b""
        complete = text[: text.rfind(b"\n") + 1]
        for number, line in enumerate(complete.splitlines(), start=1):
            try:
                fields = json.loads(line)
                if not (fields.keys() >= {"path", "error"} or fields.keys() >= _LINE_FIELDS):
                    raise ValueError("fields are missing")
                self.lines[fields["path"]] = fields
            except (ValueError, TypeError, AttributeError) as error:
                raise ValueError(
                    f"{path}: line {number} is not a report line; give another output folder"
                ) from error
        if len(complete) < len(text):
            self._rewrite()

    def names(self) -> dict[str, str]:
        """Names of the outputs, see `output_files`, by the input's path."""
        ends = len("prob/"), -len(OUTPUTS["prob"])
        return {
            path: line["prob"][slice(*ends)]
            for path, line in self.lines.items()
            if "error" not in line
        }

    def drop(self, paths: Iterable[str]) -> None:
        """Removes the lines of inputs that will be done again."""
        dropped = [path for path in paths if self.lines.pop(path, None) is not None]
        if dropped:
            self._rewrite()

    def append(self, line: dict) -> None:
        """Adds the line of an input that has none."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab") as file:
            file.write(_encoded(line))
        self.lines[line["path"]] = line

    def _rewrite(self) -> None:
        write_atomically(self.path, b"".join(map(_encoded, self.lines.values())))


def _encoded(line: dict) -> bytes:
    # ASCII, because names of files may be bytes that are no valid Unicode.
    return json.dumps(line, allow_nan=False).encode("ascii") + b"\n"


def write_outputs(
    out: Path, name: str, image: np.ndarray, probability: np.ndarray, flagged: np.ndarray
) -> dict[str, str]:
    """Writes the map, the mask and the overlay of a picture.

    Args:
        out: Output folder.
        name: Name of the outputs with "/" and without ending.
        image: uint8 (H, W, 3).
        probability: float32 (H, W), 0 to 1.
        flagged: Booleans (H, W).

    Returns:
        Paths of the three files relative to `out`.

    Raises:
        OSError: A file cannot be written.
    """
    files = output_files(name)
    levels = np.empty(probability.shape, np.uint8)
    step = max(1, _BAND_PIXELS // levels.shape[1])
    for top in range(0, levels.shape[0], step):  # bands, to keep the copies small
        levels[top : top + step] = np.rint(probability[top : top + step] * 255)
    images.write_png(out / files["prob"], levels)
    images.write_png(out / files["mask"], flagged * np.uint8(255))
    stride = -(-max(levels.shape) // _JPEG_SIDE)  # 1 unless a side is too long for JPEG
    overlay = reports.overlay(image[::stride, ::stride], probability[::stride, ::stride])
    images.write_jpeg(out / files["overlay"], overlay)
    return files


def output_files(name: str) -> dict[str, str]:
    """Paths of the outputs of a name, relative to the output folder, by kind."""
    return {kind: f"{kind}/{name}{suffix}" for kind, suffix in OUTPUTS.items()}


def predict(
    paths: Iterable[str],
    out: Path,
    method: Method,
    load: Callable[[], Localizer],
    overwrite: bool = False,
) -> Counter[str]:
    """Localizes inpainting in pictures and folders and writes the outputs and the report.

    An input whose line in the report has the same SHA-256 and method, and whose outputs exist, is
    not done again. One whose outputs come from another picture or method fails unless `overwrite`
    is set; its outputs and line stay. Any other failure is a line with "error" in the report, and
    the input has no outputs. Each failure is a line on stderr.

    Args:
        paths: Files and folders, see `find_sources`.
        out: Output folder.
        method: Identifies the localizer and holds the threshold.
        load: Makes the localizer; called only if there is something to do.
        overwrite: Makes all outputs again.

    Returns:
        Number of inputs by verdict, and those that failed as "failed".

    Raises:
        ValueError: The folder has a `report.jsonl` of something else, or `load` raises it.
        OSError: The report cannot be read or written, or `load` raises it.
    """
    report = Report(out / "report.jsonl")
    sources = find_sources(paths, out)
    names = assign_names(sources, report.names())
    todo = {
        source.path
        for source in sources
        if overwrite or not _has_outputs(report.lines.get(source.path), out, method)
    }
    localizer = load() if todo else None
    report.drop(todo)
    counts: Counter[str] = Counter()
    for source in tqdm(sources, unit="picture", disable=None):
        try:
            if source.problem:
                raise ValueError(source.problem)
            if source.path in todo:
                line = _predict_one(source.path, names[source.path], out, method, localizer)
            else:
                line = report.lines[source.path]
                _check_unchanged(source.path, line, method)
            counts[line["verdict"]] += 1
        except Exception as error:  # whatever is wrong with one picture, the others go on
            message = _one_line(source.path, error)
            tqdm.write(message, file=sys.stderr)
            counts["failed"] += 1
            line = {"path": source.path, "error": message}
            if source.path in todo:
                _remove_outputs(out, names[source.path])
        if source.path in todo:
            report.append(line)
    return counts


def _has_outputs(line: dict | None, out: Path, method: Method) -> bool:
    """Whether a line stands for outputs that must be kept: whole ones, or another method's."""
    if line is None or "error" in line:
        return False
    return not _same_method(line, method) or all((out / line[kind]).exists() for kind in OUTPUTS)


def _same_method(line: dict, method: Method) -> bool:
    # Not by name: a preset's folder may have moved.
    return (line["preset_sha256"], line["threshold"]) == (method.preset_sha256, method.threshold)


def _check_unchanged(path: str, line: dict, method: Method) -> None:
    if not _same_method(line, method):
        raise ValueError(
            f"has outputs of {line['preset']} ({line['preset_sha256'][:12]}) at threshold "
            f"{line['threshold']}; add --overwrite or give another output folder"
        )
    if hashlib.sha256(images.read_bytes(path)).hexdigest() != line["sha256"]:
        raise ValueError(
            "has changed since its outputs were made; add --overwrite or give another output folder"
        )


def _predict_one(path: str, name: str, out: Path, method: Method, localizer: Localizer) -> dict:
    start = time.perf_counter()
    image, probability, sha256 = localize_file(path, localizer)
    flagged = metrics.flagged_pixels(probability, method.threshold)
    files = write_outputs(out, name, image, probability, flagged)
    flagged_share = float(flagged.mean())
    return {
        "path": path,
        "width": image.shape[1],
        "height": image.shape[0],
        "sha256": sha256,
        **method._asdict(),
        "flagged_share": flagged_share,
        "max_probability": float(probability.max()),
        "mean_probability": float(probability.mean(dtype=np.float64)),
        "verdict": metrics.verdict(flagged_share),
        "seconds": round(time.perf_counter() - start, 3),
        **files,
    }


def _remove_outputs(out: Path, name: str) -> None:
    for file in output_files(name).values():
        with contextlib.suppress(OSError):
            (out / file).unlink()


def _one_line(path: str, error: Exception) -> str:
    message = str(error)
    if not isinstance(error, ValueError | OSError):
        message = f"{type(error).__name__}: {message}"
    if not message.startswith(f"{path}: "):
        message = f"{path}: {message}"
    return " ".join(message.splitlines())


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `predict` to the commands of a parser.

    Args:
        commands: What `argparse.ArgumentParser.add_subparsers` gave.
    """
    parser = commands.add_parser(
        "predict",
        help="localize inpainting in pictures",
        description="Writes probability maps, masks, heat maps and a report for pictures.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("paths", nargs="+", metavar="PATH", help="picture or folder of pictures")
    parser.add_argument("-o", "--output", required=True, metavar="OUT", help="output folder")
    weights = parser.add_mutually_exclusive_group()
    weights.add_argument(
        "--preset", default="irl_small", help="shipped preset or its folder (default: %(default)s)"
    )
    weights.add_argument("--weights", metavar="FILE.keras", help="model saved by Keras instead")
    parser.add_argument(
        "--threshold",
        type=_threshold,
        default=0.5,
        help="probability from which a pixel is flagged (default: %(default)s)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="make outputs again that exist already"
    )


def _threshold(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def _run(options: argparse.Namespace) -> int:
    out = Path(options.output)
    try:
        if options.weights:
            method, load = _from_weights(options.weights, options.threshold)
        else:
            method, load = _from_preset(options.preset, options.threshold)
        _make_folder(out)
        counts = predict(options.paths, out, method, load, options.overwrite)
    except (OSError, ValueError) as error:
        print("error: " + " ".join(str(error).splitlines()), file=sys.stderr)
        return 2
    found = ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))
    print(f"{counts.total()} inputs: {found}; see {out / 'report.jsonl'}")
    return 1 if counts["failed"] else 0


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"{out}: cannot be the output folder ({error.strerror}); give another one"
        ) from error


def _from_preset(name: str, threshold: float) -> tuple[Method, Callable[[], Localizer]]:
    card = read_card(name)
    method = Method(card["name"], card["sha256"], threshold)
    return method, lambda: ModelLocalizer(from_preset(name), card["name"])


def _from_weights(path: str, threshold: float) -> tuple[Method, Callable[[], Localizer]]:
    name = os.path.basename(path)
    sha256 = hashlib.sha256(images.read_bytes(path)).hexdigest()
    method = Method(name, sha256, threshold)
    return method, lambda: ModelLocalizer(load_model_file(path), name)
