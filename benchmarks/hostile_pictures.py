r"""Measures what pictures that were made to harm cost the reader.

    python -m benchmarks.hostile_pictures --out runs/benchmarks

Each file is read in a process of its own, with the limits of `forensics_keras.containers` and
without them. `hostile_pictures.md` has the seconds of the processor and the memory that came on
top of the program's own.
"""

from __future__ import annotations

import argparse
import io
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, PngImagePlugin

from forensics_keras.command_line import nonempty_path, run_command
from forensics_keras.files import write_atomically
from forensics_keras.tables import markdown_table

READER = """
import json, resource, sys, time
from forensics_keras import containers, images
if sys.argv[2] == "unlimited":
    images.check_container = lambda data: None
data = images.read_bytes(sys.argv[1])
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    said = f"read, {images.decode_with_metadata(data, 'x')[0].shape}"
except ValueError as error:
    said = str(error).removeprefix("x: ")
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([time.process_time() - start, (after - before) / 1024, said]))
"""


def jpeg_scans(side: int, scans: int) -> bytes:
    """A progressive greyscale JPEG of empty blocks, each of whose scans goes over all of them."""

    def segment(marker: int, content: bytes) -> bytes:
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content

    tables = segment(0xDB, b"\0" + bytes([1] * 64))
    tables += segment(0xC2, struct.pack(">BHHBBBB", 8, side, side, 1, 1, 0x11, 0))
    # One code of one bit each: a difference of 0, and the end of 2 ** 14 blocks and more.
    tables += segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\0")
    tables += segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0")
    blocks = (-(-side // 8)) ** 2
    first = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + bytes(blocks // 8 + 1)
    bits = ("0" + "1" * 14) * (blocks // 2**15 + 1)
    bits += "1" * (-len(bits) % 8)
    coded = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    other = segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + coded.replace(b"\xff", b"\xff\0")
    return b"\xff\xd8" + tables + first + other * (scans - 1) + b"\xff\xd9"


def tiff_chain(directories: int, is_circle: bool = False) -> bytes:
    """A TIFF of many pictures, all of the same 16x16 pixels."""
    fields = ((256, 16), (257, 16), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 16))
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in (*fields, (279, 256))
    )
    size, first = 2 + len(entries) + 4, 8 + 256
    data = struct.pack("<2sHI", b"II", 42, first) + bytes(256)
    for number in range(1, directories + 1):
        following = first + number * size if number < directories else first * is_circle
        data += struct.pack("<H", len(fields) + 1) + entries + struct.pack("<I", following)
    return data


def gif_frames(frames: int) -> bytes:
    """A GIF of 16x16 pixels with frames of one pixel."""
    start = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return start + frame * frames + b";"


def webp_animation(side: int) -> bytes:
    """A WebP animation of two frames of 16x16 pixels on a larger canvas."""
    file = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("black", "red")]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    data = bytearray(file.getvalue())
    data[24:27] = data[27:30] = (side - 1).to_bytes(3, "little")
    return bytes(data)


def png_xmp(length: int) -> bytes:
    """A PNG whose XMP is white space."""
    information, file = PngImagePlugin.PngInfo(), io.BytesIO()
    information.add_itxt("XML:com.adobe.xmp", " " * length)
    Image.new("RGB", (32, 32)).save(file, "PNG", pnginfo=information)
    return file.getvalue()


def png_zeros(side: int) -> bytes:
    """A PNG of one colour: the largest picture in the fewest bytes."""
    file = io.BytesIO()
    Image.new("L", (side, side)).save(file, "PNG")
    return file.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG of 64 megapixels, 100 scans": lambda: jpeg_scans(8000, 100),
    "JPEG of 64 megapixels, 1,000 scans": lambda: jpeg_scans(8000, 1000),
    "TIFF, 1,000 directories": lambda: tiff_chain(1000),
    "TIFF, 20,000 directories": lambda: tiff_chain(20_000),
    "GIF, 200,000 frames": lambda: gif_frames(200_000),
    "WebP animation, canvas of 25 megapixels": lambda: webp_animation(5000),
    "WebP animation, canvas of 99 megapixels": lambda: webp_animation(9950),
    "PNG, XMP of 1,000,000 blanks": lambda: png_xmp(1_000_000),
    "PNG of 100 megapixels in one colour": lambda: png_zeros(10_000),
}
QUICK = ("TIFF, 1,000 directories", "PNG, XMP of 1,000,000 blanks")


def measure(path: Path, limits: str) -> tuple[float, float, str]:
    """Reads a file in a process of its own; returns seconds, megabytes and what came of it."""
    command = [sys.executable, "-c", READER, str(path), limits]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, megabytes, said = json.loads(result.stdout)
    return seconds, megabytes, said


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hostile_pictures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=nonempty_path, default=Path("runs/benchmarks"))
    parser.add_argument("--quick", action="store_true", help="Two files: does it run?")
    return run_command(parser, _measure_all, arguments)


def _measure_all(options: argparse.Namespace) -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in QUICK if options.quick else FILES:
            path = Path(folder, "file")
            path.write_bytes(FILES[name]())
            row = {"file": name, "bytes": f"{path.stat().st_size:,}"}
            for limits in ("limited", "unlimited"):
                seconds, megabytes, said = measure(path, limits)
                row[f"s, {limits}"] = f"{seconds:.2f}"
                row[f"MB, {limits}"] = f"{megabytes:.0f}"
                row.setdefault("what is said", said)
            rows.append(row)
    table = markdown_table(rows)
    write_atomically(options.out / "hostile_pictures.md", (table + "\n").encode())
    print(table)


if __name__ == "__main__":
    sys.exit(main())
