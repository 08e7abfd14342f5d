import io
import sys

import numpy as np
import pytest
from PIL import Image

from forensics_keras import formats, images
from forensics_keras.batch import find_sources

PILLOWS = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TGA", "TIFF", "WEBP")


@pytest.fixture(scope="module")
def picture():
    ramp = np.linspace(40, 200, 64).astype(np.uint8)
    return Image.fromarray(np.stack([np.tile(ramp, (48, 1))] * 3, -1))


def encoded(picture, file_format, **options):
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


@pytest.mark.parametrize("file_format", PILLOWS)
def test_formats_are_recognized_by_content(file_format, picture, tmp_path):
    name = "a.tga" if file_format == "TGA" else "without_ending"
    options = {"save_all": True, "append_images": [picture]} if file_format == "MPO" else {}
    (tmp_path / name).write_bytes(encoded(picture, file_format, **options))
    assert formats.is_picture(tmp_path / name)
    read = images.read_image(tmp_path / name)
    assert read.shape == (48, 64, 3)
    assert np.abs(read.astype(int) - np.asarray(picture)).mean() < 6


@pytest.mark.parametrize(
    ("module", "file_format"), [("pillow_heif", "HEIF"), ("pillow_jxl", "JXL")]
)
def test_formats_of_extras_are_read(module, file_format, picture, tmp_path):
    plugin = pytest.importorskip(module)
    if module == "pillow_heif":
        plugin.register_heif_opener()
    (tmp_path / "phone").write_bytes(encoded(picture, file_format))
    read = images.read_image(tmp_path / "phone")
    assert np.abs(read.astype(int) - np.asarray(picture)).mean() < 6


HEADS = {
    "HEIF": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a.jpg", "pillow-heif"),
    "JPEG XL": (b"\xff\x0a", "a", "pillow-jxl-plugin"),
    "RAW": (b"II*\0", "a.DNG", "rawpy"),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_missing_extra_is_one_line_that_says_how_to_install_it(kind, monkeypatch):
    head, name, package = HEADS[kind]
    assert formats.format_of(head, name) == kind
    monkeypatch.setitem(sys.modules, formats._EXTRAS[kind].module, None)
    with pytest.raises(ValueError) as caught:
        images.decode_image(head + bytes(64), name)
    assert f"pip install {package}" in str(caught.value)
    assert str(caught.value).startswith(f"{name}: is a {kind} file, ")


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"\0\0\0\x1cftypmif1\0\0\0\0avifmif1miaf", "a", "AVIF"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "a", "RAW"),
        (b"II*\0\x10\0\0\0CR\2\0", "a", "RAW"),
        (b"FUJIFILMCCD-RAW 0201", "a", "RAW"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomavc1", "a.mp4", None),
        (b"%PDF-1.7", "a.pdf", None),
        (b"BMW and other makers", "a", None),
        (b"", "a.jpg", None),
    ],
)
def test_heads(head, name, kind):
    assert formats.format_of(head, name) == kind


def test_every_file_of_a_folder_is_an_input_or_counted_and_hidden_ones_are_left_out(
    picture, tmp_path
):
    folder = tmp_path / "phone"
    folder.mkdir()
    jpeg = encoded(picture, "JPEG")
    for name in ("x", "x.jfif", "x.jpe", "x.jpg_large", "._x.jpg", ".x.jpg"):
        (folder / name).write_bytes(jpeg)
    for name in ("c.pdf", "v.mp4", "v.MP4", "notes"):
        (folder / name).write_bytes(b"no picture")
    (folder / "IMG_1.HEIC").write_bytes(b"damaged")
    sources, passed_over = find_sources([str(folder)], tmp_path / "out", {"map": "map/{}.png"})
    names = [source.name for source in sources]
    assert names == ["IMG_1.HEIC", "x", "x.jfif", "x.jpe", "x.jpg_large"]
    assert passed_over == {".pdf": 1, ".mp4": 2, "without ending": 1, "hidden file": 2}


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_only_its_end_marker_is_read_and_that_is_said(progressive):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), np.uint8)
    whole = encoded(Image.fromarray(pixels), "JPEG", progressive=progressive)
    image, metadata = images.decode_with_metadata(whole[:-2], "cut.jpg")
    np.testing.assert_array_equal(image, images.decode_image(whole, "whole.jpg"))
    assert metadata.conversions == ("end marker added, which the file lacks",)
    for lacking in (20, 200, len(whole) // 2):
        with pytest.raises(ValueError, match="truncated"):
            images.decode_image(whole[:-lacking], "cut.jpg")
