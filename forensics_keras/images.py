"""The one reader and writer of pictures and masks.

Every picture that this project reads comes through `decode_image`, so training, evaluation and
prediction see the same pixels:

* upright: the EXIF (or TIFF, or XMP) orientation is applied;
* greyscale is repeated over the three channels, palettes are replaced by their colours;
* alpha is dropped, not composited: the stored colours are what a camera or an editor wrote, while
  compositing over any background would draw edges that the file does not have;
* CMYK becomes RGB by Pillow's plain formula; ICC profiles are not applied;
* 16-bit greyscale is divided by 257 and rounded, of 16-bit colour Pillow gives the high byte;
* floating-point greyscale must lie in 0 to 1 and is multiplied by 255;
* of an animation or a file of several pages the first picture is taken.

Files are refused, with their path and a remedy, when they are empty, cut short, not a picture,
larger than `MAX_PIXELS` (found from the header, before anything is decoded) or larger than
`MAX_FILE_BYTES`.

`decode_with_metadata` also gives what a changed copy of the picture must keep: `Metadata`.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import warnings
from collections.abc import Callable

import numpy as np
from PIL import Image, PngImagePlugin

from forensics_keras.attachments import iptc_text, with_iptc
from forensics_keras.containers import check_container
from forensics_keras.files import open_regular, write_atomically
from forensics_keras.formats import READABLE, TOLD, MissingExtra, open_picture, with_end_marker
from forensics_keras.metadata import COMMENT, Metadata, read_metadata, turn
from forensics_keras.terminal import counted, library_lines, printable

PICTURE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Lower-case file name endings of the pictures that are looked for in folders."""


MAX_PIXELS = 100_000_000
"""Largest picture that is decoded, in pixels."""


MAX_FILE_BYTES = 2**30
"""Largest file that is read, in bytes: 100 megapixels of uncompressed 16-bit RGBA fit."""


_BAND_PIXELS = 4_000_000


_LONGEST_COMMENT = 65_500


_warnings_lock = threading.Lock()


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Reads a picture as upright 8-bit RGB.

    Args:
        path: Picture file; its content, not its ending, decides the format.

    Returns:
        uint8 array (height, width, 3), values 0 to 255, RGB.

    Raises:
        ValueError: The file is empty, cut short, not a picture or too large.
        OSError: The file is missing or cannot be read.

    Example:
        >>> image = read_image("holiday.jpg")  # doctest: +SKIP
    """
    return decode_image(read_bytes(path), path)


def decode_image(data: bytes, name: str | os.PathLike) -> np.ndarray:
    """Decodes the bytes of a picture file as upright 8-bit RGB.

    Args:
        data: Content of the file.
        name: Path or name for error messages.

    Returns:
        uint8 array (height, width, 3), values 0 to 255, RGB.

    Raises:
        ValueError: The data is empty, cut short, not a picture or too large.
    """
    return _decode(data, name, _rgb, channels=(3,))


def decode_with_metadata(data: bytes, name: str | os.PathLike) -> tuple[np.ndarray, Metadata]:
    """Decodes the bytes of a picture file, and reads what a changed copy of it must keep.

    Args:
        data: Content of the file.
        name: Path or name for error messages.

    Returns:
        uint8 array (height, width, 3) as `decode_image` gives it, and the metadata.

    Raises:
        ValueError: The data is empty, cut short, not a picture or too large.
    """
    found: list[Metadata] = []

    def look(image: Image.Image, is_cut: bool) -> None:
        found.append(read_metadata(image, is_cut, data))

    image = _decode(data, name, _rgb, channels=(3,), look=look)
    return image, found[0]


def read_mask(path: str | os.PathLike) -> np.ndarray:
    """Reads a mask: a pixel is 1 where any channel of the picture is not 0.

    Alpha is ignored; palettes count by their colours; the mask is upright like the picture.

    Args:
        path: Picture file.

    Returns:
        uint8 array (height, width), values 0 and 1.

    Raises:
        ValueError: The file is empty, cut short, not a picture or too large.
        OSError: The file is missing or cannot be read.
    """
    return _decode(read_bytes(path), path, _nonzero, channels=())


def read_bytes(path: str | os.PathLike) -> bytes:
    """Reads a regular file of at most `MAX_FILE_BYTES` bytes.

    Args:
        path: The file.

    Returns:
        Its content, never empty.

    Raises:
        ValueError: The file is empty or too large.
        OSError: The file is missing, a folder or another special file, or not readable.
    """
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_FILE_BYTES:
                raise ValueError(
                    f"{path}: has {size:,} bytes, the limit is {MAX_FILE_BYTES:,}; "
                    "save it compressed or smaller"
                )
            data = file.read(MAX_FILE_BYTES)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file; check the path") from error
    except PermissionError as error:
        raise PermissionError(f"{path}: may not be read; change its permissions") from error
    except OSError as error:
        if error.errno is None:  # raised above
            raise
        raise OSError(f"{path}: cannot be read ({error.strerror}); check the disk") from error
    if not data:
        raise ValueError(f"{path}: is empty; copy or download it again")
    return data


def write_png(path: str | os.PathLike, array: np.ndarray) -> None:
    """Writes a PNG file; it appears complete or not at all. Parent folders are made.

    Args:
        path: The file, replaced if it exists.
        array: uint8 (height, width) or (height, width, 3) RGB.

    Raises:
        ValueError: The array has another dtype or shape.
        OSError: The file cannot be written.
    """
    write_atomically(path, _encode(path, array, "PNG"))


def encode_png(array: np.ndarray, metadata: Metadata | None = None) -> bytes:
    """Encodes a picture as `write_png` does, for formats that hold several, or with metadata.

    Args:
        array: uint8 (height, width) or (height, width, 3) RGB.
        metadata: What the file holds besides.

    Returns:
        The content of a PNG file.

    Raises:
        ValueError: The array has another dtype or shape.
    """
    return _encode("PNG", array, "PNG", metadata)


def encode_jpeg(array: np.ndarray, quality: int, metadata: Metadata | None = None) -> bytes:
    """Encodes a picture as `write_jpeg` does, with metadata.

    Args:
        array: uint8 (height, width) or (height, width, 3) RGB, sides of at most 65,500 pixels.
        quality: 1 to 100.
        metadata: What the file holds besides, at most 64 KiB each of EXIF and XMP.

    Returns:
        The content of a JPEG file.

    Raises:
        ValueError: The array has another dtype or shape, or the metadata is too long for JPEG.
        OSError: A side is too long for JPEG.
    """
    return _encode("JPEG", array, "JPEG", metadata, quality=quality, subsampling=0)


def write_jpeg(path: str | os.PathLike, array: np.ndarray, quality: int = 95) -> None:
    """Writes a JPEG file without chroma subsampling; it appears complete or not at all.

    Args:
        path: The file, replaced if it exists; parent folders are made.
        array: uint8 (height, width) or (height, width, 3) RGB, sides of at most 65,500 pixels.
        quality: 1 to 100.

    Raises:
        ValueError: The array has another dtype or shape.
        OSError: The file cannot be written, or a side is too long for JPEG.
    """
    write_atomically(path, _encode(path, array, "JPEG", quality=quality, subsampling=0))


def _encode(
    path: str | os.PathLike,
    array: np.ndarray,
    file_format: str,
    metadata: Metadata | None = None,
    **options: object,
) -> bytes:
    if array.dtype != np.uint8 or not (array.ndim == 2 or array.shape[2:] == (3,)):
        raise ValueError(
            f"{path}: a picture to write must be uint8 (H, W) or (H, W, 3), "
            f"not {array.dtype} {array.shape}"
        )
    if metadata:
        options |= {"exif": metadata.exif, "icc_profile": metadata.icc_profile}
    if metadata and metadata.dpi:
        options["dpi"] = metadata.dpi
    if metadata and file_format == "PNG":
        options["pnginfo"] = _png_information(metadata)
    elif metadata:
        options["xmp"] = metadata.xmp
        options["comment"] = dict(metadata.texts).get(COMMENT, "").encode()[:_LONGEST_COMMENT]
    file, is_jpeg = io.BytesIO(), file_format == "JPEG"
    try:
        Image.fromarray(np.ascontiguousarray(array)).save(file, file_format, **options)
    except OSError as error:
        raise OSError(f"{path}: cannot be encoded as {file_format} ({error})") from error
    content = file.getvalue()
    return with_iptc(content, metadata.iptc) if is_jpeg and metadata and metadata.iptc else content


def _png_information(metadata: Metadata) -> PngImagePlugin.PngInfo:
    """Everything of a picture's metadata that PNG holds in chunks of its own."""
    information = PngImagePlugin.PngInfo()
    if metadata.xmp:
        information.add_itxt("XML:com.adobe.xmp", metadata.xmp)
    for chunk, content in metadata.chunks:
        information.add(chunk, content)
    for name, text in metadata.texts:
        information.add_text(name, text)
    if metadata.iptc:
        information.add_text("Raw profile type iptc", iptc_text(metadata.iptc), zip=True)
    return information


def _decode(
    data: bytes,
    name: str | os.PathLike,
    convert: Callable[[Image.Image], np.ndarray],
    channels: tuple[int, ...],
    look: Callable[[Image.Image, bool], None] | None = None,
) -> np.ndarray:
    """Decodes and turns a picture, and converts it in bands of rows to keep copies small.

    `look` is shown the picture before it is turned, and told whether Pillow has cut it from 16
    bits to 8.
    """
    if not data:
        raise ValueError(f"{name}: is empty; copy or download it again")
    try:
        check_container(data)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    said: list[str] = []
    try:
        # Libtiff prints what is wrong by itself, without the file's name.
        is_tiff = data[:2] in (b"II", b"MM")
        lines: contextlib.AbstractContextManager[list[str]] = (
            library_lines() if is_tiff else contextlib.nullcontext([])
        )
        with lines as said:
            result = _pixels(data, name, convert, channels, look)
    except MissingExtra as error:
        raise ValueError(f"{name}: {error}") from error
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{name}: has more than {MAX_PIXELS // 10**6} megapixels; cut it or scale it down"
        ) from error
    except Image.UnidentifiedImageError as error:
        raise ValueError(
            f"{name}: is not a picture that can be read ({READABLE}); convert it to PNG"
        ) from error
    except Exception as error:  # Pillow's decoders raise nearly every kind on damaged files
        reason = "; ".join([str(error) or type(error).__name__, *said[:1]])
        raise ValueError(
            f"{name}: cannot be decoded ({reason}); copy it again or convert it to 8-bit PNG"
        ) from error
    # Python's own warnings are about much that is no damage.
    said = [line for line in said if "Warning: " not in line and "warnings.warn(" not in line]
    if said:
        more = f" (and {counted(len(said) - 1, 'more line')})" if said[1:] else ""
        print(f"{printable(name)}: was read, but is damaged: {said[0]}{more}", file=sys.stderr)
    return result


def _pixels(
    data: bytes,
    name: str | os.PathLike,
    convert: Callable[[Image.Image], np.ndarray],
    channels: tuple[int, ...],
    look: Callable[[Image.Image, bool], None] | None,
) -> np.ndarray:
    with _open(data, name) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise Image.DecompressionBombError
        is_cut = ";16" in str(getattr(image, "tile", "")) and not image.mode.startswith("I")
        try:
            image.load()
        except OSError as error:
            completed = with_end_marker(data) if "truncated" in str(error) else None
            if completed is None:
                raise
            image = _open(completed, name)
            image.info[TOLD] = ("end marker added, which the file lacks",)
            image.load()
        upright = turn(image)
        if look:
            look(image, is_cut)
        image = image if upright is None else image.transpose(upright)
        image.info.pop("transparency", None)  # a palette's alpha, of which Pillow would warn
        width, height = image.size
        result = np.empty((height, width, *channels), np.uint8)
        step = max(1, _BAND_PIXELS // width)
        for top in range(0, height, step):
            bottom = min(top + step, height)
            result[top:bottom] = convert(image.crop((0, top, width, bottom)))
    return result


def _open(data: bytes, name: str | os.PathLike) -> Image.Image:
    # Pillow warns about pictures above its own, lower limit and about odd metadata. The filters of
    # Python's warnings belong to the whole process, hence the lock.
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return open_picture(data, name, MAX_PIXELS)


def _rgb(band: Image.Image) -> np.ndarray:
    if band.mode.startswith("I"):
        values = np.asarray(band).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("32-bit values outside 0 to 65,535")
        return ((values + 128) // 257).astype(np.uint8)[..., np.newaxis]
    if band.mode == "F":
        values = np.asarray(band)
        if not (values.min() >= 0 and values.max() <= 1):  # also false for NaN
            raise ValueError("floating-point values outside 0 to 1")
        return np.rint(values * 255).astype(np.uint8)[..., np.newaxis]
    if band.mode in ("La", "RGBa"):  # premultiplied: Pillow has no direct way to RGB
        band = band.convert("LA" if band.mode == "La" else "RGBA")
    return np.asarray(band.convert("RGB"))


def _nonzero(band: Image.Image) -> np.ndarray:
    if band.mode == "F" or band.mode.startswith("I"):
        return np.asarray(band) != 0
    return np.any(np.asarray(band.convert("RGB")), axis=-1)
