"""Pictures that were made to harm: limits, and a fuzz of the reader with files that mattered."""

import io
import os
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from benchmarks import hostile_pictures as hostile
from forensics_keras import containers, images, metadata

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")


def encoded(file_format, mode="RGB", **options):
    pixels = np.random.default_rng(0).integers(0, 256, (24, 17, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, file_format, **options)
    return file.getvalue()


def with_metadata(file_format):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(file_format, exif=exif, icc_profile=bytes(128))


SEEDS = [encoded(kind) for kind in FORMATS]
SEEDS += [with_metadata(kind) for kind in ("JPEG", "PNG", "TIFF", "WEBP")]
SEEDS += [encoded("TIFF", compression=kind) for kind in ("tiff_lzw", "jpeg", "tiff_deflate")]
SEEDS += [encoded("TIFF", "1", compression="group4"), encoded("PNG", "P"), encoded("JPEG", "CMYK")]
SEEDS += [encoded("JPEG", progressive=True), encoded("TIFF", "F"), encoded("TIFF", "I;16")]
SEEDS += [encoded("WEBP", lossless=True), hostile.webp_animation(16), hostile.tiff_chain(3)]
SEEDS += [hostile.jpeg_scans(16, 3), hostile.gif_frames(3)]

change = st.tuples(st.integers(0, 2**16), st.one_of(st.integers(0, 255), st.binary(max_size=4)))


def changed(seed, changes, cut):
    """Replaces bytes, mostly of headers, and inserts some."""
    data = bytearray(SEEDS[seed])
    for place, new in changes:
        place %= max(len(data), 1)
        if isinstance(new, int):
            data[place : place + 1] = bytes([new])
        else:
            data[place:place] = new
    return bytes(data[: len(data) - cut])


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    st.integers(0, len(SEEDS) - 1), st.lists(change, max_size=6), st.integers(0, 40) | st.just(0)
)
def test_whatever_a_file_holds_it_is_a_picture_or_one_line(seed, changes, cut):
    data = changed(seed, changes, cut)
    try:
        image, found = images.decode_with_metadata(data, "x.bin")
    except ValueError as error:
        assert str(error).startswith("x.bin: ")
        return
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    images.encode_png(image[:8, :8], found)


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (hostile.jpeg_scans(64, 101), "more than 100 scans"),
        (hostile.tiff_chain(1001), "more than 1,000 pictures"),
        (hostile.tiff_chain(3, is_circle=True), "goes in a circle"),
        (hostile.webp_animation(5001), "animation of more than 25 megapixels"),
        (hostile.webp_animation(16_383), "animation of more than 25 megapixels"),
    ],
    ids=["scans", "directories", "circle", "canvas", "largest canvas"],
)
def test_files_that_keep_decoders_busy_are_refused(data, message):
    with pytest.raises(ValueError, match=f"x: .*{message}"):
        images.decode_image(data, "x")


def test_files_at_the_limits_are_read():
    assert images.decode_image(hostile.jpeg_scans(64, 99), "x").shape == (64, 64, 3)
    assert images.decode_image(hostile.tiff_chain(1000), "x").shape == (16, 16, 3)
    assert images.decode_image(hostile.webp_animation(16), "x").shape == (16, 16, 3)
    assert images.decode_image(hostile.gif_frames(2000), "x").shape == (16, 16, 3)


@given(st.binary(max_size=40))
def test_chains_of_directories_are_followed_in_any_bytes(data):
    for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"RIFF\0\0\0\0WEBPVP8X"):
        try:
            containers.check_container(start + data)
        except ValueError as error:
            assert "circle" in str(error) or "animation" in str(error)


def test_the_time_for_the_orientation_in_xmp_grows_no_faster_than_its_length():
    blank = b" " * 1_000_000 + b"\n" * 1_000_000
    found = metadata._XMP_ORIENTATION.sub(b"", blank + b'tiff:Orientation="6">')
    assert found == b">"
    assert metadata._XMP_ORIENTATION.sub(b"", blank) == blank


def test_metadata_beyond_its_limit_is_left_out_and_told(monkeypatch):
    monkeypatch.setattr(metadata, "MAX_METADATA_BYTES", 100)
    information = PngImagePlugin.PngInfo()
    information.add_itxt("XML:com.adobe.xmp", "x" * 101)
    exif = Image.Exif()
    exif[0x8298] = "y" * 101
    data = encoded(
        "PNG", pnginfo=information, exif=exif, icc_profile=bytes(16) + b"RGB " + bytes(99)
    )
    _, found = images.decode_with_metadata(data, "x")
    assert found[:3] == (b"", b"", b"")
    assert [text.split(" left out")[0] for text in found.conversions] == [
        "EXIF",
        "ICC profile",
        "XMP",
    ]


# --- what libraries print ---------------------------------------------------------------------


def test_what_libtiff_prints_is_part_of_the_one_line_of_the_file(capfd):
    data = bytearray(encoded("TIFF", compression="tiff_lzw"))
    data[40:70] = bytes(range(30))
    with pytest.raises(ValueError) as caught:
        images.decode_image(bytes(data), "x.tif")
    assert "; " in str(caught.value) and "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_regular_file_is_not_opened(tmp_path, kind):
    path = tmp_path / "x.png"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        import socket

        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))
    with pytest.raises(OSError, match="x.png: (is not a regular file|cannot be read)"):
        images.read_image(path)


@example(b"II*\0" + struct.pack("<I", 8) + b"\xff\xff")
@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_one_line(data):
    for start in (b"", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"RIFF\0\0\0\0WEBP", b"\x89PNG\r\n"):
        with pytest.raises(ValueError, match="^x: "):
            images.decode_image(start + data, "x")
