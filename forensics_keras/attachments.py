"""Parts of picture files that lie around the pixels: PNG chunks, IPTC, what a copy cannot keep."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from PIL import Image

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOURS = (b"cHRM", b"cICP", b"gAMA", b"sRGB")
_LONGEST_CHUNK = 1024
_MOST_CHUNKS = 1000
_PHOTOSHOP = b"Photoshop 3.0\0"

# What XMP says of parts that a copy has not: gain map, video, and where they lie in the file.
# White space is looked at from its beginning only, so that the time is linear.
_GAIN_MAP = re.compile(rb'(?<!\s)\s*+(?:hdrgm|HDRGainMap):\w++="[^"]*+"')
_MOTION = re.compile(rb'(?<!\s)\s*+G?Camera:(?:MotionPhoto|MicroVideo)\w*+="[^"]*+"')
_DIRECTORY = b"<Container:Directory", b"</Container:Directory>"


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields names and contents of the chunks before a PNG file's pixels; none of other files."""
    at = len(_PNG) if data.startswith(_PNG) else len(data)
    for _ in range(_MOST_CHUNKS):
        if at + 12 > len(data):
            return
        size, name = struct.unpack_from(">I4s", data, at)
        if name in (b"IDAT", b"IEND"):
            return
        yield name, data[at + 8 : at + 8 + size]
        at += size + 12


def colour_chunks(data: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the chunks of a PNG file that say what its colours mean, but for the profile."""
    return tuple(
        (name, content)
        for name, content in png_chunks(data)
        if name in _COLOURS and len(content) <= _LONGEST_CHUNK
    )


def lost_parts(image: Image.Image, data: bytes, xmp: bytes) -> tuple[bytes, list[str]]:
    """Finds what no copy of a picture keeps.

    Args:
        image: The opened picture.
        data: Content of its file.
        xmp: Its XMP packet.

    Returns:
        The packet without claims about these parts, and what they are, in words.
    """
    lost = []
    segments = [content for name, content in getattr(image, "applist", ()) if name == "APP11"]
    names = {name for name, _ in png_chunks(data)}
    if any(b"c2pa" in content for content in segments) or b"caBX" in names:
        lost.append("C2PA manifest left out, for its hash would no longer hold")
    for pattern, what in ((_GAIN_MAP, "gain map"), (_MOTION, "video of a motion photo")):
        xmp, found = pattern.subn(b"", xmp)
        if found:
            lost.append(f"{what} left out")
    return (_without_directory(xmp) if lost else xmp), lost


def _without_directory(xmp: bytes) -> bytes:
    """Cuts out the list of a file's further parts."""
    before, start, rest = xmp.partition(_DIRECTORY[0])
    _, end, behind = rest.partition(_DIRECTORY[1])
    return before + behind if start and end else xmp


def with_iptc(jpeg: bytes, iptc: bytes) -> bytes:
    """Puts IPTC records into a JPEG file, behind its first segments.

    Args:
        jpeg: Content of the file.
        iptc: The records.

    Raises:
        ValueError: They are too long for a segment.
    """
    padded = iptc + b"\0" * (len(iptc) % 2)
    content = _PHOTOSHOP + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + padded
    if len(content) > 65_533:
        raise ValueError("IPTC data is too long for JPEG")
    at = 2
    while jpeg[at : at + 2] in (b"\xff\xe0", b"\xff\xe1"):
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return jpeg[:at] + b"\xff\xed" + struct.pack(">H", len(content) + 2) + content + jpeg[at:]


def iptc_text(iptc: bytes) -> str:
    """Renders IPTC records as the text under which PNG files hold them, a profile in digits."""
    content = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(iptc)) + iptc
    content += b"\0" * (len(iptc) % 2)
    digits = content.hex()
    lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
    return "\n".join(["", "iptc", f"{len(content):8d}", *lines, ""])
