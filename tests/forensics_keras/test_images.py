import io
import os
import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from forensics_keras import images

# What a turned picture looks like after it was turned upright, from the EXIF standard: which
# corner row 0 and column 0 of the stored picture show.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


def random_pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def encoded(image, file_format="PNG", **options):
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height):
    """A small PNG file that claims to be huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000))
    chunks = (b"IHDR", header), (b"IDAT", data), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def test_rgb_is_kept_in_every_lossless_format(tmp_path):
    pixels = random_pixels(33, 20, 3)
    for file_format in ("PNG", "BMP", "TIFF"):
        (tmp_path / "picture").write_bytes(encoded(pixels, file_format))
        result = images.read_image(tmp_path / "picture")
        np.testing.assert_array_equal(result, pixels)
        assert result.dtype == np.uint8 and result.flags.writeable
    webp = encoded(pixels, "WEBP", lossless=True)
    np.testing.assert_array_equal(images.decode_image(webp, "x"), pixels)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_pictures_are_turned_upright(file_format, orientation):
    pixels = np.kron(random_pixels(3, 2, 3), np.ones((16, 16, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    data = encoded(pixels, file_format, exif=exif, **options.get(file_format, {}))
    result = images.decode_image(data, "x")
    expected = UPRIGHT[orientation](pixels)
    assert result.shape == expected.shape
    assert np.abs(result.astype(int) - expected).max() <= 3


def test_damaged_metadata_does_not_hide_a_picture():
    pixels = random_pixels(20, 20, 3)
    data = encoded(pixels, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12\0")
    np.testing.assert_array_equal(images.decode_image(data, "x"), pixels)


def test_grey_and_binary_pictures_are_repeated_over_the_channels():
    grey = random_pixels(20, 30)
    assert (images.decode_image(encoded(grey), "x") == grey[..., None]).all()
    binary = encoded(Image.fromarray(grey > 127))
    assert (images.decode_image(binary, "x") == 255 * (grey > 127)[..., None]).all()


def test_alpha_is_dropped_without_changing_colours():
    pixels = random_pixels(20, 30, 4)
    np.testing.assert_array_equal(images.decode_image(encoded(pixels), "x"), pixels[..., :3])
    grey_alpha = Image.fromarray(pixels[..., :2], "LA")
    assert (images.decode_image(encoded(grey_alpha), "x") == pixels[..., :1]).all()


def test_palettes_are_replaced_by_their_colours_also_where_transparent():
    indices, colours = random_pixels(20, 30), random_pixels(256, 3, seed=1)
    palette = Image.fromarray(indices, "P")
    palette.putpalette(colours.tobytes())
    for transparency in (None, 7, bytes(range(256))):
        options = {} if transparency is None else {"transparency": transparency}
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            result = images.decode_image(encoded(palette, **options), "x")
        np.testing.assert_array_equal(result, colours[indices])


def test_cmyk_becomes_rgb():
    cmyk = Image.new("CMYK", (20, 20), (0, 255, 255, 0))
    for file_format in ("JPEG", "TIFF"):
        result = images.decode_image(encoded(cmyk, file_format), "x")
        assert np.abs(result.astype(int) - (255, 0, 0)).max() <= 3


def test_16_bit_grey_is_scaled_and_16_bit_colour_cut_to_the_high_byte():
    grey = np.random.default_rng(0).integers(0, 65536, (50, 40)).astype(np.uint16)
    grey[0, :3] = 0, 65535, 257 * 99
    for file_format in ("PNG", "TIFF"):
        result = images.decode_image(encoded(grey, file_format), "x")
        assert (result == np.rint(grey / 257)[..., None]).all()
    colour = np.random.default_rng(1).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    data = cv2.imencode(".png", colour[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(images.decode_image(data, "x"), colour >> 8)


def test_wide_grey_values_are_scaled_or_refused():
    unit = np.random.default_rng(0).random((20, 30), np.float32)
    result = images.decode_image(encoded(unit, "TIFF"), "x")
    assert (result == np.rint(unit * 255)[..., None]).all()
    integers = np.arange(600, dtype=np.int32).reshape(20, 30) * 109
    result = images.decode_image(encoded(integers, "TIFF"), "x")
    assert (result == np.rint(integers / 257)[..., None]).all()
    for wrong in (unit * 2, unit - 1, unit * np.nan, integers * 2, integers - 1):
        with pytest.raises(ValueError, match="x: cannot be decoded .*outside"):
            images.decode_image(encoded(wrong, "TIFF"), "x")


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_picture_of_several_is_taken(file_format):
    frames = [Image.new("RGB", (20, 24), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if file_format == "WEBP" else {}
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    np.testing.assert_array_equal(images.decode_image(data, "x"), np.asarray(frames[0]))


def test_bad_files_are_refused_with_path_and_reason(tmp_path):
    jpeg = encoded(random_pixels(64, 64, 3), "JPEG")
    text_bomb = b"Comment\0\0" + zlib.compress(bytes(100_000_000))
    png = encoded(random_pixels(20, 20, 3))
    cases = {
        "empty.png": (b"", "is empty"),
        "text.jpg": (b"This is no picture.\n" * 100, "not a picture"),
        "half.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "end.jpg": (jpeg[:-20], "truncated"),
        "half.png": (png[: len(png) // 2], "truncated"),
        "header.png": (png[:20], "cannot be decoded|not a picture"),
        "bomb.png": (bomb(50_000, 50_000), "more than 100 megapixels"),
        "large.png": (bomb(10_001, 10_000), "more than 100 megapixels"),
        "text_bomb.png": (png[:33] + png_chunk(b"zTXt", text_bomb) + png[33:], "too large"),
    }
    for name, (data, reason) in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        for read in (images.read_image, images.read_mask):
            with warnings.catch_warnings(), pytest.raises(ValueError, match=reason) as caught:
                warnings.simplefilter("error")
                read(path)
            message = str(caught.value)
            assert message.startswith(f"{path}: ") and "\n" not in message and ";" in message


def test_a_picture_at_the_limit_is_read_without_warning(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow warns from here on
    monkeypatch.setattr(images, "MAX_PIXELS", 1200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert images.decode_image(encoded(random_pixels(30, 40, 3)), "x").shape == (30, 40, 3)
    with pytest.raises(ValueError, match="megapixels"):
        images.decode_image(encoded(random_pixels(30, 41, 3)), "x")


def test_what_is_no_readable_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="missing.png: no such file"):
        images.read_image(tmp_path / "missing.png")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        images.read_image(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(OSError, match="pipe.png: is not a regular file"):
        images.read_image(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    with pytest.raises(OSError, match="loop.png: cannot be read"):
        images.read_image(tmp_path / "loop.png")
    locked = tmp_path / "locked.png"
    locked.write_bytes(encoded(random_pixels(20, 20, 3)))
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 100)
    with pytest.raises(ValueError, match="locked.png: has 1,... bytes, the limit is 100"):
        images.read_image(locked)
    monkeypatch.undo()
    locked.chmod(0)
    if not os.access(locked, os.R_OK):  # root may read everything
        with pytest.raises(PermissionError, match="locked.png: may not be read"):
            images.read_image(locked)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_data_raises_nothing_else(data):
    start = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", None]))
    if start is None:
        content = data.draw(st.binary(max_size=200))
    else:
        content = bytearray(encoded(random_pixels(24, 20, 3), start))
        for _ in range(data.draw(st.integers(1, 8))):
            position = data.draw(st.integers(0, min(len(content), 400) - 1))
            content[position] = data.draw(st.integers(0, 255))
    try:
        image = images.decode_image(bytes(content), "name")
    except ValueError as error:
        assert str(error).startswith("name: ")
    else:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.booleans(), st.integers(0, 2**32 - 1))
def test_png_files_come_back_equal(tmp_path_factory, height, width, grey, seed):
    path = tmp_path_factory.getbasetemp() / "round" / "trip.png"
    pixels = random_pixels(*((height, width) if grey else (height, width, 3)), seed=seed)
    images.write_png(path, pixels)
    expected = np.repeat(pixels[..., None], 3, axis=2) if grey else pixels
    np.testing.assert_array_equal(images.read_image(path), expected)


def test_bands_join_without_seams(monkeypatch):
    monkeypatch.setattr(images, "_BAND_PIXELS", 100)
    pixels = random_pixels(47, 31, 3)
    np.testing.assert_array_equal(images.decode_image(encoded(pixels), "x"), pixels)


def test_masks_are_one_where_any_channel_is_not_zero(tmp_path):
    truth = np.random.default_rng(0).integers(0, 2, (20, 30)).astype(np.uint8)
    colour = np.zeros((20, 30, 4), np.uint8)
    colour[..., 2] = truth  # the weakest blue
    colour[..., 3] = 255 * (1 - truth)
    palette = Image.fromarray(1 - truth, "P")
    palette.putpalette([0, 3, 0, 0, 0, 0])  # index 0 is coloured, index 1 black
    cases = {
        "255": encoded(truth * 255),
        "1": encoded(truth),
        "binary": encoded(Image.fromarray(truth > 0)),
        "16 bit": encoded(truth.astype(np.uint16)),
        "float": encoded(truth.astype(np.float32) * 1e-3, "TIFF"),
        "colour with alpha": encoded(colour),
        "palette": encoded(palette),
    }
    for name, data in cases.items():
        path = tmp_path / name
        path.write_bytes(data)
        mask = images.read_mask(path)
        assert mask.dtype == np.uint8
        np.testing.assert_array_equal(mask, truth, err_msg=name)


def test_writing_is_strict_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "new" / "folder" / "picture.jpg"
    pixels = np.kron(random_pixels(4, 5, 3), np.ones((16, 16, 1), np.uint8))
    images.write_jpeg(path, pixels)
    assert np.abs(images.read_image(path).astype(int) - pixels).mean() < 3
    before = path.read_bytes()
    for wrong in (pixels.astype(float), pixels > 3, pixels[..., :2], pixels[0, 0]):
        with pytest.raises(ValueError, match="picture.jpg: a picture to write must be uint8"):
            images.write_jpeg(path, wrong)
    with pytest.raises(OSError, match="picture.jpg: cannot be encoded as JPEG"):
        images.write_jpeg(path, np.zeros((1, 70_000), np.uint8))
    assert path.read_bytes() == before and os.listdir(path.parent) == ["picture.jpg"]
    images.write_jpeg(path, pixels, quality=10)
    assert len(path.read_bytes()) < len(before)


# --- metadata ---------------------------------------------------------------------------------


def full_exif(orientation=6):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    exif[0x8298] = "(c) Somebody"
    exif.get_ifd(0x8769).update({0x829A: 0.5, 0xA002: 40, 0xA003: 20})
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def profile(space=b"RGB "):
    return bytes(16) + space + bytes(108)


XMP = b'<x:xmpmeta><d tiff:Orientation="6" rights="mine"/><tiff:Orientation>6</tiff:Orientation>'


def kept(content):
    with Image.open(io.BytesIO(content)) as image:
        exif = image.getexif()
        xmp = image.info.get("xmp") or b""
        return exif, image.info.get("icc_profile"), xmp, image.size


@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_metadata_survives_without_orientation_size_and_structure(source):
    options = {"xmp": XMP} if source in ("JPEG", "WEBP") else {}
    data = encoded(
        Image.new("RGB", (40, 20), "red"),
        source,
        exif=full_exif().tobytes(),
        icc_profile=profile(),
        **options,
    )
    image, metadata = images.decode_with_metadata(data, "a")
    np.testing.assert_array_equal(image, images.decode_image(data, "a"))
    told = () if source == "TIFF" else ("turned upright",)  # Pillow turns TIFF by itself
    assert image.shape == (40, 20, 3) and metadata.conversions == told
    encodings = images.encode_png(image, metadata), images.encode_jpeg(image, 90, metadata)
    for content in encodings:
        exif, icc, xmp, size = kept(content)
        assert size == (20, 40) and icc == profile()
        assert set(exif) == {0x010F, 0x8298, 0x8769, 0x8825}
        assert exif[0x8298] == "(c) Somebody" and exif.get_ifd(0x8825)[1] == "N"
        assert set(exif.get_ifd(0x8769)) == {0x829A}
        if options:
            assert b'rights="mine"' in xmp and b"Orientation" not in xmp
        assert images.decode_image(content, "b").shape == (40, 20, 3)  # not turned again
    np.testing.assert_array_equal(images.decode_image(encodings[0], "b"), image)


def test_thumbnails_are_left_out():
    thumbnail = encoded(Image.new("RGB", (8, 8), "blue"), "JPEG")
    entries = [(0x0201, 4, 1, 38), (0x0202, 4, 1, len(thumbnail))]
    second = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    block = b"Exif\0\0II*\0" + struct.pack("<IHI", 8, 0, 14)
    data = encoded(Image.new("RGB", (40, 20)), "JPEG", exif=block + second.ljust(24) + thumbnail)
    assert thumbnail in data
    image, metadata = images.decode_with_metadata(data, "a")
    assert thumbnail[:20] not in images.encode_png(image, metadata)


def test_conversions_are_told():
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8) * 999

    def conversions(image, file_format="PNG", **options):
        data = image if isinstance(image, bytes) else encoded(image, file_format, **options)
        return images.decode_with_metadata(data, "a")[1].conversions

    assert conversions(Image.new("RGB", (8, 8))) == ()
    assert conversions(Image.new("L", (8, 8))) == ("greyscale stored as RGB",)
    assert conversions(Image.new("RGBA", (8, 8))) == ("transparency left out",)
    assert conversions(Image.new("P", (8, 8)), transparency=0) == (
        "palette replaced by its colours",
        "transparency left out",
    )
    grey = "16 bits reduced to 8", "greyscale stored as RGB"
    assert conversions(Image.fromarray(pixels)) == grey
    colour = cv2.imencode(".png", np.dstack([pixels] * 3))[1].tobytes()
    assert conversions(colour) == ("16 bits reduced to 8",)
    assert conversions(Image.new("CMYK", (8, 8)), "JPEG", icc_profile=profile(b"CMYK")) == (
        "CMYK stored as RGB",
        "ICC profile left out, for it is not one of RGB colours",
    )
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    assert conversions(frames[0], "TIFF", save_all=True, append_images=frames[1:]) == (
        "first of 2 pictures taken",
    )


def test_damaged_metadata_is_left_out():
    data = encoded(Image.new("RGB", (40, 20)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff")
    image, metadata = images.decode_with_metadata(data, "a")
    assert image.shape == (20, 40, 3) and metadata.exif == b""
    images.encode_png(image, metadata)


def test_metadata_too_long_for_jpeg_is_an_error():
    image, metadata = np.zeros((8, 8, 3), np.uint8), images.Metadata(exif=bytes(70_000))
    with pytest.raises(ValueError, match="EXIF data is too long"):
        images.encode_jpeg(image, 90, metadata)
