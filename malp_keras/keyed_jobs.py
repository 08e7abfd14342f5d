"""What `protect` and `verify` make of pictures with a key file.

`protect` writes, for each picture `a/b.jpg`, the copy `OUT/a/b.png` (or `.jpg`), its signed record
`OUT/records/a/b.json` (its name is the picture's; the identity stands in it) and a report line.
`verify` writes map, heat map and a line with the verdict and its reasons; with `--records` it
compares with the records in a folder and its folders.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forensics_keras import batch, images, metrics
from forensics_keras.figures import encode_map, encode_overlay
from malp_keras import records
from malp_keras.calibration import MANIPULATED, SUSPICIOUS
from malp_keras.key_files import Key
from malp_keras.keyed import KeyedProtector
from malp_keras.protection import copy_conversions, encode_copy, finite

LIMITS = (
    "A picture without a template may never have been protected, or its template was taken away.",
    "Changes of a smaller share than the field smallest_change says can go unseen.",
    "Whoever has the key file can protect any picture.",
)


class KeyedProtection(batch.BatchJob):
    """Makes protected copies and their records.

    Args:
        key: The key.
        jpeg: Quality of JPEG copies, 1 to 100; `None` for PNG.
        strength: Factor of the template.
    """

    fields = ("psnr", "ssim", "picture_identity")

    def __init__(self, key: Key, jpeg: int | None = None, strength: float = 1.0):
        self.outputs = {
            "protected": "{}.png" if jpeg is None else "{}.jpg",
            "record": "records/{}.json",
        }
        self.identity = {**_identity(key), "jpeg": jpeg, "strength": strength}
        self.key = key
        self.jpeg = jpeg
        self.strength = strength

    def load(self) -> None:
        self.protector = KeyedProtector(self.key, self.strength)

    def process(self, path: str) -> batch.Made:
        data = images.read_bytes(path)
        image, metadata = images.decode_with_metadata(data, path)
        copy, identity = self.protector.protect_with_identity(image)
        content = encode_copy(copy, self.jpeg, metadata)
        if self.jpeg is not None:
            copy = images.decode_image(content, "the protected copy")
            self.protector.check_copy(copy, identity)
        sha256 = hashlib.sha256(data).hexdigest()
        copy_sha256 = hashlib.sha256(content).hexdigest()
        fields = {
            "width": image.shape[1],
            "height": image.shape[0],
            "sha256": sha256,
            "picture_identity": identity.hex(),
            "psnr": finite(metrics.picture_psnr(copy, image)),
            "ssim": metrics.picture_ssim(copy, image),
            "conversions": copy_conversions(self.jpeg, metadata),
        }
        record = records.make_record(self.key, identity, copy, sha256, copy_sha256)
        return batch.Made(fields, {"protected": content, "record": record})

    def outcome(self, line: Mapping[str, Any]) -> str:
        return "protected"

    def describe(self, line: Mapping[str, Any]) -> str:
        kind = "PNG" if line["jpeg"] is None else f"JPEG {line['jpeg']}"
        return f"{line['preset']} as {kind} with strength {line['strength']:g}"

    def message(self, line: Mapping[str, Any]) -> str:
        quality = f"PSNR {line['psnr']:.2f} dB, SSIM {line['ssim']:.4f}"
        return f"{line['path']}: {quality}, {line['protected']}"


class KeyedVerifying(batch.BatchJob):
    """Writes maps, overlays and verdicts.

    Args:
        key: The key.
        folder: Where records are; `None` for none.

    Raises:
        OSError: The folder is missing.
    """

    outputs = {"map": "map/{}.png", "overlay": "overlay/{}.jpg"}
    fields = ("verdict", "reasons", "geometry", "regions", "score")
    alarms = frozenset({MANIPULATED, SUSPICIOUS})

    def __init__(self, key: Key, folder: str | os.PathLike | None = None):
        self.key = key
        self.folder = folder
        files = _record_files(folder) if folder else []
        content = hashlib.sha256(b"".join(images.read_bytes(file) for file in files)).hexdigest()
        self.files = files
        self.identity = {**_identity(key), "records_sha256": content if folder else None}
        card = {"name": f"key {key.id}", "sha256": key.sha256, "made": key.made}
        self.presentation = batch.Presentation("Protected pictures verified", "map", card, LIMITS)

    def load(self) -> None:
        trusted = records.public_key(self.key)
        known = (records.read_record(file, trusted) for file in self.files)
        self.protector = KeyedProtector(
            self.key, known={record.fields["identity"]: record for record in known}
        )

    def process(self, path: str) -> batch.Made:
        image, sha256, conversions = batch.read_picture(path)
        found = self.protector.verify(image)
        contents = {"map": encode_map(found.map), "overlay": encode_overlay(image, found.map)}
        record = self.protector.known.get(found.identity or "")
        fields = {
            "width": image.shape[1],
            "height": image.shape[0],
            "sha256": sha256,
            "verdict": found.verdict,
            "reasons": list(found.reasons),
            "geometry": found.geometry,
            "score": found.score,
            "z": found.z,
            "smallest_change": found.smallest_change,
            "changed_share": found.changed_share,
            "regions": [list(box) for box in found.regions],
            "picture_identity": found.identity,
            "record": None if record is None else _told(record),
            "conversions": list(conversions),
        }
        return batch.Made(fields, contents)

    def outcome(self, line: Mapping[str, Any]) -> str:
        return line["verdict"]

    def describe(self, line: Mapping[str, Any]) -> str:
        return f"{line['preset']} with {'' if line['records_sha256'] else 'no '}records"

    def suspicion(self, line: Mapping[str, Any]) -> float:
        return line["score"] + (line["verdict"] in self.alarms)

    def finding(self, line: Mapping[str, Any]) -> str:
        geometry = f" ({line['geometry']})" if line["geometry"] else ""
        where = ""
        if line["verdict"] in self.alarms and line["regions"]:
            left, top, width, height = line["regions"][0]
            where = f"; look at {width}x{height} pixels at {left}, {top}"
        return f"{line['verdict']}{geometry}: {'; '.join(line['reasons'])}{where}"

    def message(self, line: Mapping[str, Any]) -> str:
        return f"{line['path']}: {self.finding(line)}"


def _identity(key: Key) -> dict[str, object]:
    return {"preset": f"key {key.id}", "preset_sha256": key.sha256}


def _record_files(folder: str | os.PathLike) -> list[Path]:
    if not Path(folder).is_dir():
        raise OSError(f"{folder}: is no folder with records")
    return sorted(Path(folder).rglob("*.json"))


def _told(record: records.Record) -> dict[str, Any]:
    """What a report says of a record."""
    told = ("publisher", "time", "width", "height", "original_sha256", "copy_sha256")
    return {name: record.fields[name] for name in told}
