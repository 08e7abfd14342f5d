"""Which format a picture file has, by its content, and how it is opened.

Pillow reads most formats by itself. Three kinds need a package more, an extra of this one:
HEIC / HEIF, JPEG XL, and the raw files of cameras.
"""

from __future__ import annotations

import importlib
import io
import os
import struct
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

TOLD = "irl-malp-keras"
"""Key of `Image.info` under which opening says what it changed, a tuple of texts."""

_RAW_SUFFIXES = (
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".kdc", ".mef", ".mos"),
    *(".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".sr2", ".srf", ".srw"),
    *(".x3f",),
)
_SUFFIXES = (
    *(".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".jxl", ".mpo", ".pgm", ".png", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
)
_HEAD = 64
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_BMP_HEADERS = [bytes([size]) for size in (12, 40, 52, 56, 64, 108, 124)]
_MAGICS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"FUJIFILMCCD-RAW", "RAW"),
    (b"IIRO", "RAW"),
    (b"IIRS", "RAW"),
    (b"MMOR", "RAW"),
    (b"IIU\0", "RAW"),
    (b"FOVb", "RAW"),
    (b"\0MRM", "RAW"),
)


class _Extra(NamedTuple):
    """A package that reads a kind of files: its module, its name, and how it opens data."""

    module: str
    package: str
    open: Callable[..., Image.Image]


def format_of(head: bytes, name: str | os.PathLike = "") -> str | None:
    """Recognizes the format of a picture.

    Args:
        head: The first bytes of the file, 64 at least if it has so many.
        name: Its name, which tells TGA files and raw files of TIFF's kind.

    Returns:
        Name of the format, `"RAW"` for the raw files of all cameras; `None` for what is none.
    """
    suffix = os.path.splitext(os.fspath(name))[1].lower()
    for magic, kind in _MAGICS:
        if head.startswith(magic):
            return kind
    if head.startswith(_TIFF):
        return "RAW" if suffix in _RAW_SUFFIXES or head[8:10] == b"CR" else "TIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head[:2] == b"BM" and head[14:15] in _BMP_HEADERS:
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    return "TGA" if suffix == ".tga" else None


def _brand(head: bytes) -> str | None:
    size = min(int.from_bytes(head[:4]), len(head))
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, size, 4))}
    if head[8:12] == b"crx ":
        return "RAW"
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def is_picture(path: str | os.PathLike) -> bool:
    """Tells whether a file is, by its content or its ending, a picture, readable or not.

    Args:
        path: The file; what is no regular file is judged by its ending alone.
    """
    if os.path.splitext(os.fspath(path))[1].lower() in (*_SUFFIXES, *_RAW_SUFFIXES):
        return True
    try:
        if not os.path.isfile(path):
            return False
        with open(path, "rb") as file:
            return format_of(file.read(_HEAD), path) is not None
    except OSError:
        return False


def open_picture(data: bytes, name: str | os.PathLike, max_pixels: int) -> Image.Image:
    """Opens a picture of any format that can be read.

    Args:
        data: Content of the file.
        name: Its name.
        max_pixels: Raw files with more pixels are not decoded.

    Returns:
        The picture, not decoded yet; of a raw file the developed one.

    Raises:
        ValueError: The format needs a package that is not installed.
        PIL.UnidentifiedImageError: The data is no picture.
        PIL.Image.DecompressionBombError: A raw file is too large.
    """
    kind = format_of(data[:_HEAD], name)
    if kind is None:
        raise Image.UnidentifiedImageError
    extra = _EXTRAS.get(kind)
    if extra is None:
        return Image.open(io.BytesIO(data), formats=[kind])
    try:
        module = importlib.import_module(extra.module)
    except ImportError:
        raise MissingExtra(
            f"is a {kind} file, which needs one package more: pip install {extra.package}"
        ) from None
    return extra.open(module, data, max_pixels)


class MissingExtra(ValueError):
    """A picture needs a package that is not installed."""


def _open_heif(pillow_heif, data: bytes, _: int) -> Image.Image:
    pillow_heif.register_heif_opener()
    image = Image.open(io.BytesIO(data), formats=["HEIF"])
    bits = image.info.get("bit_depth") or 8
    if bits > 8:
        image.info[TOLD] = (f"{bits} bits reduced to 8",)
    return image


def _open_jpeg_xl(_module, data: bytes, _: int) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["JXL"])  # which importing it registered


def _open_raw(rawpy, data: bytes, max_pixels: int) -> Image.Image:
    with rawpy.imread(io.BytesIO(data)) as raw:
        if raw.sizes.width * raw.sizes.height > max_pixels:
            raise Image.DecompressionBombError
        image = Image.fromarray(raw.postprocess(use_camera_wb=True))
    image.info[TOLD] = ("developed from the raw data of a camera", "EXIF left out")
    return image


_EXTRAS = {
    "HEIF": _Extra("pillow_heif", "pillow-heif", _open_heif),
    "JPEG XL": _Extra("pillow_jxl", "pillow-jxl-plugin", _open_jpeg_xl),
    "RAW": _Extra("rawpy", "rawpy", _open_raw),
}

READABLE = "AVIF, BMP, GIF, JPEG, JPEG2000, PNG, PPM, TGA, TIFF, WEBP; HEIC, JPEG XL, RAW as extras"


def with_end_marker(data: bytes) -> bytes | None:
    """Completes a JPEG file that lacks nothing but its end marker.

    Args:
        data: Content of a file whose decoding found its end too early.

    Returns:
        The file with the marker; `None` if pixels are lacking, too. A decoder would fill them with
        grey, so it is given two different continuations: they are of no consequence only for a
        complete picture.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    ends = (b"\xff\xd9", b"\x55" * _HEAD + b"\xff\xd9")
    try:
        files = [io.BytesIO(data + end) for end in ends]
        pictures = [np.asarray(Image.open(file, formats=["JPEG"])) for file in files]
    except (OSError, ValueError, SyntaxError, struct.error):
        return None
    return data + ends[0] if np.array_equal(pictures[0], pictures[1]) else None
