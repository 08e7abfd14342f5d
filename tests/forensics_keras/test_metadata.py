"""What a changed copy of a picture keeps of its file, and what is said of the rest."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, IptcImagePlugin, PngImagePlugin

from forensics_keras import images
from forensics_keras.exif import without_tags
from forensics_keras.metadata import camera_fields

PICTURE = Image.new("RGB", (40, 20), (90, 120, 60))
XMP = b"<x:xmpmeta><rdf:Description %s/>%s</x:xmpmeta>"


def encoded(image=PICTURE, file_format="JPEG", **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def copies(data):
    """Changed copies of a picture as PNG and JPEG, and what became of it."""
    image, metadata = images.decode_with_metadata(data, "a")
    contents = {
        "PNG": images.encode_png(image, metadata),
        "JPEG": images.encode_jpeg(image, 90, metadata),
    }
    opened = {kind: Image.open(io.BytesIO(content)) for kind, content in contents.items()}
    for copy in opened.values():
        copy.load()
    return opened, metadata


def exif_with_maker_note(order, note):
    """A block whose maker note holds its own place in the block, as those of cameras do."""
    place, thumbnail = 100, b"\xff\xd8thumbnail\xff\xd9"
    second = place + len(note)
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    block += struct.pack(order + "H", 3)
    block += struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0)
    block += struct.pack(order + "HHI4s", 0x010F, 2, 4, b"Abc\0")
    block += struct.pack(order + "HHII", 0x8769, 4, 1, 50)
    block += struct.pack(order + "I", second)
    block = block.ljust(50, b"\0") + struct.pack(order + "H", 2)
    block += struct.pack(order + "HHII", 0x927C, 7, len(note), place)
    block += struct.pack(order + "HHII", 0xA002, 4, 1, 40)
    block = block.ljust(place, b"\0") + note
    block += struct.pack(order + "H", 2)
    block += struct.pack(order + "HHII", 0x201, 4, 1, second + 30)
    block += struct.pack(order + "HHII", 0x202, 4, 1, len(thumbnail))
    return b"Exif\0\0" + block.ljust(second + 30, b"\0") + thumbnail


@pytest.mark.parametrize("order", "<>")
def test_maker_notes_stay_where_they_are_byte_for_byte(order):
    note = b"Maker\0" + struct.pack(order + "I", 100) + bytes(range(60))
    block = exif_with_maker_note(order, note)
    opened, metadata = copies(encoded(exif=block))
    assert metadata.conversions == ("turned upright",)
    assert len(metadata.exif) == len(block) and metadata.exif.index(note) == block.index(note)
    assert b"thumbnail" in block and b"thumbnail" not in metadata.exif
    for copy in opened.values():
        assert copy.size == (20, 40)
        exif = copy.getexif()
        assert dict(exif) == {0x010F: "Abc", 0x8769: 50}
        assert exif.get_ifd(0x8769) == {0x927C: note}


def test_maker_notes_of_formats_that_must_move_them_are_left_out_and_named():
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x927C: b"Maker\0note", 0x829A: 0.5})
    exif[0x010F] = "Abc"
    _, metadata = copies(encoded(file_format="TIFF", exif=exif.tobytes()))
    assert metadata.conversions == ("maker notes left out, for they cannot be moved",)
    assert b"Maker\0note" not in metadata.exif and b"Abc" in metadata.exif


@pytest.mark.parametrize(
    "block",
    [
        b"II*\0",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II*\0\x08\0\0\0\1\0\x69\x87\4\0\1\0\0\0\xff\xff\xff\xff\0\0\0\0",
        b"no TIFF",
    ],
)
def test_damaged_blocks_are_refused(block):
    with pytest.raises(ValueError, match="EXIF"):
        without_tags(block, {0x0112}, set())


def test_bylines_comments_and_resolution_are_kept():
    record = b"".join(
        struct.pack(">BBBH", 0x1C, 2, kind, len(text)) + text
        for kind, text in ((80, b"Somebody"), (116, b"(c) Somebody else"))
    )
    resource = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record
    resource += b"\0" * (len(record) % 2)
    segment = b"\xff\xed" + struct.pack(">H", len(resource) + 2) + resource
    data = encoded(comment=b"At the sea", dpi=(300, 300))
    opened, metadata = copies(data[:2] + segment + data[2:])
    assert metadata.conversions == metadata.lost_in("JPEG") == ()
    assert IptcImagePlugin.getiptcinfo(opened["JPEG"])[(2, 80)] == b"Somebody"
    assert opened["JPEG"].info["comment"] == b"At the sea"
    assert opened["PNG"].text["Comment"] == "At the sea"
    kind, size, *digits = opened["PNG"].text["Raw profile type iptc"].split()
    profile = bytes.fromhex("".join(digits))
    assert kind == "iptc" and len(profile) == int(size) and record in profile
    for copy in opened.values():
        assert copy.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def png_with_colours():
    information = PngImagePlugin.PngInfo()
    information.add(b"gAMA", struct.pack(">I", 45455))
    information.add(b"cHRM", struct.pack(">8I", *range(31270, 31278)))
    information.add(b"cICP", bytes([9, 16, 0, 1]))
    information.add_text("Title", "Bl\u00fcte")
    information.add_text("Comment", "At the sea")
    return encoded(file_format="PNG", pnginfo=information)


def test_colours_and_texts_of_png_stay_and_jpeg_names_what_it_cannot_hold():
    opened, metadata = copies(png_with_colours())
    assert metadata.conversions == metadata.lost_in("PNG") == ()
    assert metadata.lost_in("JPEG") == (
        "texts left out, for JPEG has none (Title)",
        "meaning of colours left out (gAMA, cHRM, cICP)",
    )
    assert opened["PNG"].info["gamma"] == pytest.approx(0.45455)
    assert opened["PNG"].info["chromaticity"][0] == pytest.approx(0.3127)
    copy = images.encode_png(np.zeros((9, 9, 3), np.uint8), metadata)
    again = images.decode_with_metadata(copy, "b")
    assert dict(again[1].chunks) == dict(metadata.chunks)
    assert dict(again[1].texts) == {"Title": "Bl\u00fcte", "Comment": "At the sea"}
    assert opened["JPEG"].info["comment"] == b"At the sea"


@pytest.mark.parametrize(
    ("claim", "told"),
    [
        (b'hdrgm:Version="1.0" hdrgm:GainMapMax="2.5"', "gain map left out"),
        (
            b'GCamera:MotionPhoto="1" GCamera:MotionPhotoX="1"',
            "video of a motion photo left out",
        ),
    ],
)
def test_xmp_no_longer_claims_what_a_copy_has_not(claim, told):
    directory = b"<Container:Directory><rdf:li>GainMap</rdf:li></Container:Directory>"
    xmp = XMP % (claim + b' dc:creator="Somebody"', directory)
    _, metadata = copies(encoded(xmp=xmp))
    assert metadata.conversions == (told,)
    for word in (b"hdrgm:", b"MotionPhoto", b"Container"):
        assert word not in metadata.xmp
    assert b'dc:creator="Somebody"' in metadata.xmp


def test_a_manifest_whose_hash_no_longer_holds_is_named():
    data = encoded()
    content = b"JP\0\1\0\0\0\1" + b"\0\0\0\x20jumb\0\0\0\x18jumdc2pa"
    segment = b"\xff\xeb" + struct.pack(">H", len(content) + 2) + content
    told = "C2PA manifest left out, for its hash would no longer hold"
    assert copies(data[:2] + segment + data[2:])[1].conversions == (told,)


def test_what_a_camera_wrote_is_said_in_a_few_words():
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0131] = "Abc", "X100", "Editor 3"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    exif.get_ifd(0x8825)[1] = "N"
    assert camera_fields(encoded(exif=exif)) == {
        "camera": "Abc X100",
        "software": "Editor 3",
        "taken": "2024:05:06 07:08:09",
        "position": "given",
    }
    assert camera_fields(b"no picture") == {}
