"""EXIF blocks, changed where they are: maker notes point into them, so nothing may be moved."""

from __future__ import annotations

import struct
from collections.abc import Set

_PREFIX = b"Exif\0\0"
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_EXIF_DIRECTORY = 0x8769
_THUMBNAIL, _THUMBNAIL_BYTES = 0x201, 0x202
_ENTRY = 12


def without_tags(block: bytes, first: Set[int], second: Set[int]) -> bytes:
    """Removes tags and the thumbnail from an EXIF block; every other byte stays where it is.

    Args:
        block: EXIF block, with or without its prefix.
        first: Tags that are removed from the first directory.
        second: Tags that are removed from the directory of EXIF.

    Returns:
        The block with its prefix; empty if no tag is left.

    Raises:
        ValueError: The block is damaged.
    """
    try:
        return _Block(block.removeprefix(_PREFIX)).without(first, second)
    except (struct.error, IndexError) as error:
        raise ValueError("EXIF is damaged") from error


class _Block:
    def __init__(self, data: bytes):
        if data[:4] not in (b"II*\0", b"MM\0*"):
            raise ValueError("EXIF has no header")
        self.data = bytearray(data)
        self.order = "<" if data[:2] == b"II" else ">"

    def without(self, first: Set[int], second: Set[int]) -> bytes:
        (start,) = self._unpack("I", 4)
        entries, end = self._entries(start)
        for at, tag in entries:
            if tag == _EXIF_DIRECTORY:
                self._remove(self._unpack("I", at + 8)[0], second)
        (thumbnail,) = self._unpack("I", end)
        if thumbnail:
            self._wipe_thumbnail(thumbnail)
            self._pack("I", end, 0)
        left = self._remove(start, first)
        return _PREFIX + bytes(self.data) if left else b""

    def _entries(self, start: int) -> tuple[list[tuple[int, int]], int]:
        """Places and tags of a directory's entries, and the place behind them."""
        (count,) = self._unpack("H", start)
        places = [start + 2 + _ENTRY * number for number in range(count)]
        end = start + 2 + _ENTRY * count
        if end + 4 > len(self.data):
            raise ValueError("EXIF is cut short")
        return [(at, self._unpack("H", at)[0]) for at in places], end

    def _remove(self, start: int, tags: Set[int]) -> int:
        """Closes the gaps that tags leave in a directory; returns how many stay."""
        entries, end = self._entries(start)
        kept = b""
        for at, tag in entries:
            if tag in tags:
                self._wipe_value(at)
            else:
                kept += self.data[at : at + _ENTRY]
        behind = bytes(self.data[end : end + 4])
        content = kept + behind
        self._pack("H", start, len(kept) // _ENTRY)
        self.data[start + 2 : end + 4] = content.ljust(end + 4 - start - 2, b"\0")
        return len(kept) // _ENTRY

    def _wipe_value(self, at: int) -> None:
        kind, count, place = self._unpack("HII", at + 2)
        size = _SIZES.get(kind, 1) * count
        if size > 4:
            self._wipe(place, size)

    def _wipe_thumbnail(self, start: int) -> None:
        entries, end = self._entries(start)
        values = {tag: self._unpack("I", at + 8)[0] for at, tag in entries}
        if _THUMBNAIL in values and _THUMBNAIL_BYTES in values:
            self._wipe(values[_THUMBNAIL], values[_THUMBNAIL_BYTES])
        for at, _ in entries:
            self._wipe_value(at)
        self._wipe(start, end + 4 - start)

    def _wipe(self, start: int, size: int) -> None:
        end = min(start + size, len(self.data))
        if start < end:
            self.data[start:end] = bytes(end - start)

    def _unpack(self, kinds: str, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + kinds, self.data, at)

    def _pack(self, kind: str, at: int, value: int) -> None:
        struct.pack_into(self.order + kind, self.data, at, value)
