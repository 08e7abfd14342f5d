"""What a picture file says besides its pixels: EXIF, XMP, ICC profile, orientation."""

from __future__ import annotations

import contextlib
import io
import re
from typing import NamedTuple

from PIL import Image
from PIL.ExifTags import IFD, Base

from forensics_keras.attachments import colour_chunks, lost_parts
from forensics_keras.exif import without_tags
from forensics_keras.formats import TOLD

_ORIENTATION = 0x0112  # the EXIF tag


_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


_STRUCTURE = {
    *range(254, 270),  # sizes, compression, colour space
    *(273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325),  # strips, tiles, palette
    *range(330, 348),  # further pictures in the file, samples, JPEG tables
    *range(512, 522),
    *range(529, 533),
    *(700, 34377, 34675, 37724),  # XMP, Photoshop's data with its thumbnail, ICC profile
} - {269}
"""Tags of TIFF's first directory that describe its pixels, which in EXIF would be wrong."""


COMMENT = "Comment"
_IPTC = 0x0404
_OTHER_KEYWORDS = {"XML:com.adobe.xmp", "Raw profile type exif", "Raw profile type APP1"}
"""Texts that are read as what they are."""


_EXIF_SIZE = (0xA002, 0xA003)


# The time is linear: white space is looked at from its beginning only, and never again.
_XMP_ORIENTATION = re.compile(
    rb'(?<!\s)\s*+tiff:Orientation="[0-9]"|<tiff:Orientation>[0-9]</tiff:Orientation>'
)


MAX_METADATA_BYTES = 2**20
"""Most bytes of EXIF, of XMP and of an ICC profile that a copy of a picture keeps."""


class Metadata(NamedTuple):
    """What a picture file says besides the pixels; empty bytes for what it does not have.

    Attributes:
        exif: EXIF block, as for an upright picture: without the orientation, the size and the
            thumbnail, which would show the picture before a change.
        icc_profile: ICC profile, if it is one of RGB colours.
        xmp: XMP packet without the orientation.
        conversions: What reading changed or left out, in words.
        iptc: IPTC records: by-line, caption, copyright.
        texts: Texts with their keywords; a comment is named "Comment".
        dpi: Pixels an inch, across and down, or `None`.
        chunks: Those of PNG that say what its colours mean, with their names.
    """

    exif: bytes = b""
    icc_profile: bytes = b""
    xmp: bytes = b""
    conversions: tuple[str, ...] = ()
    iptc: bytes = b""
    texts: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()

    def lost_in(self, file_format: str) -> tuple[str, ...]:
        """Names what a format cannot hold, of what PNG can.

        Args:
            file_format: "PNG" or "JPEG".
        """
        if file_format == "PNG":
            return ()
        names = [name for name, _ in self.texts if name != COMMENT]
        colours = [name.decode() for name, _ in self.chunks if name != b"sRGB"]
        lost = []
        if names:
            lost.append(f"texts left out, for JPEG has none ({', '.join(names)})")
        if colours:
            lost.append(f"meaning of colours left out ({', '.join(colours)})")
        return tuple(lost)


def turn(image: Image.Image) -> Image.Transpose | None:
    """Returns what makes a picture upright."""
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 0))
    except Exception:  # damaged metadata must not hide a sound picture
        return None


def read_metadata(image: Image.Image, is_cut: bool, data: bytes) -> Metadata:
    """Reads what a copy of a picture keeps, and what becomes of the picture on its way.

    Args:
        image: The opened picture, not yet turned upright.
        is_cut: Whether Pillow has cut it from 16 bits to 8.
        data: Content of its file.
    """
    conversions = _conversions(image, is_cut)
    try:
        exif = _exif_of_upright(image, conversions)
    except Exception:  # damaged metadata must not hide a sound picture
        exif = b""
        conversions.append("EXIF left out, for it is damaged")
    profile = image.info.get("icc_profile") or b""
    if profile and profile[16:20] != b"RGB ":
        profile = b""
        conversions.append("ICC profile left out, for it is not one of RGB colours")
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or b""
    xmp = xmp.encode(errors="surrogateescape") if isinstance(xmp, str) else xmp
    iptc = image.info.get("photoshop")
    iptc = iptc.get(_IPTC, b"") if isinstance(iptc, dict) else b""
    kept = {"EXIF": exif, "ICC profile": profile, "XMP": xmp, "IPTC": iptc}
    for kind, content in kept.items():
        if len(content) > MAX_METADATA_BYTES:
            kept[kind] = b""
            conversions.append(f"{kind} left out, for it has over {MAX_METADATA_BYTES:,} bytes")
    exif, profile, xmp, iptc = kept.values()
    xmp, lost = lost_parts(image, data, xmp)
    conversions += lost
    return Metadata(
        exif,
        profile,
        _XMP_ORIENTATION.sub(b"", xmp),
        tuple(conversions),
        iptc,
        _texts(image),
        _resolution(image),
        colour_chunks(data),
    )


def _texts(image: Image.Image) -> tuple[tuple[str, str], ...]:
    """Texts and comments of at most `MAX_METADATA_BYTES` characters together."""
    texts = dict(getattr(image, "text", {}))
    comment = image.info.get("comment")
    if isinstance(comment, bytes) and comment:
        texts.setdefault(COMMENT, comment.decode("utf-8", "replace"))
    left, kept = MAX_METADATA_BYTES, []
    for name, text in texts.items():
        left -= len(name) + len(text)
        if left >= 0 and name not in _OTHER_KEYWORDS:
            kept.append((str(name), str(text)))
    return tuple(kept)


def _resolution(image: Image.Image) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    is_sound = 0 < across < 1e6 and 0 < down < 1e6
    return (across, down) if is_sound else None


def _conversions(image: Image.Image, is_cut: bool) -> list[str]:
    """What becomes of a picture on its way to 8-bit RGB, as `forensics_keras.images` says."""
    is_grey = image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I")
    found = list(image.info.get(TOLD, ()))
    if is_cut or image.mode.startswith("I"):
        found.append("16 bits reduced to 8")
    if image.mode == "F":
        found.append("floating point reduced to 8 bits")
    if image.mode == "P":
        found.append("palette replaced by its colours")
    elif image.mode not in ("RGB", "RGBA", "RGBa", "RGBX"):
        found.append(f"{'greyscale' if is_grey else image.mode} stored as RGB")
    if image.has_transparency_data:
        found.append("transparency left out")
    if turn(image) is not None:
        found.append("turned upright")
    if (frames := getattr(image, "n_frames", 1)) > 1:
        found.append(f"first of {frames} pictures taken")
    return found


def _exif_of_upright(image: Image.Image, conversions: list[str]) -> bytes:
    block = image.info.get("exif")
    if isinstance(block, bytes) and image.format != "TIFF":
        with contextlib.suppress(ValueError):
            return without_tags(block, _STRUCTURE | {_ORIENTATION}, {*_EXIF_SIZE})
    # Written anew, because it is part of a TIFF file, or damaged in a way that Pillow reads.
    exif = image.getexif()
    if IFD.Exif in exif and exif.get_ifd(IFD.Exif).pop(IFD.MakerNote, None) is not None:
        conversions.append("maker notes left out, for they cannot be moved")
    for tag in [tag for tag in exif if tag in _STRUCTURE or tag == _ORIENTATION]:
        del exif[tag]
    if IFD.Exif in exif:
        for tag in _EXIF_SIZE:
            exif.get_ifd(IFD.Exif).pop(tag, None)
    return exif.tobytes() if len(exif) else b""


_WITH_EXIF = ("AVIF", "JPEG", "PNG", "TIFF", "WEBP")


_CAMERA_FIELDS: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "camera": (None, ("Make", "Model")),
    "software": (None, ("Software",)),
    "taken": (IFD.Exif, ("DateTimeOriginal",)),
    "author": (None, ("Artist", "Copyright")),
}


def camera_fields(data: bytes) -> dict[str, str]:
    """Reads what a picture's EXIF says of its origin, in a few words; anybody can have written it.

    Args:
        data: Content of a picture file.

    Returns:
        Those of camera, software, taken, author and position that there are. The position is only
        said to be there.
    """
    found = {}
    try:
        with Image.open(io.BytesIO(data), formats=_WITH_EXIF) as image:
            exif = image.getexif()
            for name, (directory, tags) in _CAMERA_FIELDS.items():
                values = exif if directory is None else exif.get_ifd(directory)
                texts = [str(values[Base[tag]]).strip("\0 ") for tag in tags if Base[tag] in values]
                if any(texts):
                    found[name] = " ".join(texts)
            if exif.get_ifd(IFD.GPSInfo):
                found["position"] = "given"
    except Exception:  # damaged metadata must not hide a sound picture
        return found
    return found
