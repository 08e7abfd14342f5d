"""Limits on what a picture file may hold, checked before a decoder sees it.

A few hundred bytes can keep a decoder busy for hours or fill the memory, though the picture is not
large: each scan of a progressive JPEG goes over all pixels, a chain of TIFF directories is followed
to its end, and an animated WebP is decoded onto several canvases. What the limits save is measured
in docs/reliability.md.
"""

from __future__ import annotations

import struct

MAX_SCANS = 100
"""Most scans of a JPEG file; encoders write about ten."""

MAX_DIRECTORIES = 1000
"""Most pictures in a TIFF file, of which only the first is read."""

MAX_ANIMATED_PIXELS = 25_000_000
"""Largest canvas of an animated WebP file, in pixels."""


def check_container(data: bytes) -> None:
    """Refuses a picture file that would keep its decoder busy.

    Args:
        data: Content of the file, of any format or none.

    Raises:
        ValueError: It is beyond a limit; the message does not name the file.
    """
    # Within the coded pixels the marker of a scan cannot occur.
    if data.startswith(b"\xff\xd8") and data.count(b"\xff\xda") > MAX_SCANS:
        raise ValueError(f"has more than {MAX_SCANS} scans; convert it to PNG")
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        _check_directories(data)
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X" and len(data) >= 30:
        width, height = (int.from_bytes(data[start : start + 3], "little") for start in (24, 27))
        is_animated = data[20] & 2
        if is_animated and (width + 1) * (height + 1) > MAX_ANIMATED_PIXELS:
            raise ValueError(
                f"is an animation of more than {MAX_ANIMATED_PIXELS // 10**6} megapixels; "
                "save its first picture by itself"
            )


def _check_directories(data: bytes) -> None:
    """Follows the chain of directories, each with a count of entries and the next one's place."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"+\0", b"\0+")
    count, entry, place = ("Q", 20, "Q") if is_big else ("H", 12, "I")
    count_size = struct.calcsize(order + count)
    try:
        (at,) = struct.unpack_from(order + place, data, 8 if is_big else 4)
        for _ in range(MAX_DIRECTORIES):
            (entries,) = struct.unpack_from(order + count, data, at)
            (at,) = struct.unpack_from(order + place, data, at + count_size + entries * entry)
            if at == 0:
                return
    except (struct.error, OverflowError):  # no place in the file: the decoder says so
        return
    raise ValueError(
        f"has more than {MAX_DIRECTORIES:,} pictures, or goes in a circle; save the first by itself"
    )
