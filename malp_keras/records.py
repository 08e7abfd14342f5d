"""Signed records of protected pictures: what a template cannot say, kept beside the pixels.

A record is a small JSON file, found by the identity that the copy carries in its pixels. It tells
whose copy it is, of what file and when, and has a thumbnail of `SIDE` pixels, to which a picture is
compared after it was registered. So recolouring, captions and collages are found, which leave a
template where it is or bring another one along. It is signed with Ed25519; the pair of keys follows
from the secret of the key file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from typing import Any, NamedTuple

import cv2
import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from forensics_keras.images import read_bytes
from malp_keras.key_files import Key
from malp_keras.visibility import luma

SIDE = 64
"""Longer side of a record's thumbnail in pixels."""
_FINE = 4
_GREY = 1.5
"""A picture is grey, and compared in grey, if its channels differ by less than this, in levels."""
_ENCODING = (
    cv2.IMWRITE_JPEG_QUALITY,
    85,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)
_COLOUR_RIDGE = 1e-3
_NOISE, _PER_CONTRAST = 3.0, 0.25
"""What harmless changes do to a pixel of a thumbnail: levels, and a share of its contrast."""
_CUT_OFF = 8.0
"""Levels by which tones that were cut off at black or white may differ besides."""
_FIELDS = {
    "version", "identity", "key", "publisher", "time", "width", "height", "original_sha256",
    "copy_sha256", "thumbnail", "public_key", "signature",
}  # fmt: skip


class Record(NamedTuple):
    """What is known of a protected picture.

    Attributes:
        fields: The content of the file.
        thumbnail: uint8 RGB (rows, columns, 3), the whole copy.
    """

    fields: dict[str, Any]
    thumbnail: np.ndarray

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the copy."""
        return self.fields["height"], self.fields["width"]


def public_key(key: Key) -> str:
    """The hexadecimal public key that belongs to a key file's secret."""
    return _private(key).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def make_record(
    key: Key, identity: bytes, copy: np.ndarray, original_sha256: str, copy_sha256: str
) -> bytes:
    """Makes the signed record of a copy.

    Args:
        key: Signs it.
        identity: What the copy carries.
        copy: The protected picture, uint8 RGB (H, W, 3).
        original_sha256: Of the photograph's file, hexadecimal.
        copy_sha256: Of the copy's file.

    Returns:
        The content of its file, JSON.
    """
    small = cv2.resize(copy, _thumbnail_size(*copy.shape[:2]), interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", small[..., ::-1], _ENCODING)[1]
    fields = {
        "version": 1,
        "identity": identity.hex(),
        "key": key.id,
        "publisher": key.publisher,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "width": copy.shape[1],
        "height": copy.shape[0],
        "original_sha256": original_sha256,
        "copy_sha256": copy_sha256,
        "thumbnail": base64.b64encode(encoded.tobytes()).decode(),
        "public_key": public_key(key),
    }
    fields["signature"] = _private(key).sign(_signed(fields)).hex()
    return (json.dumps(fields, indent=1) + "\n").encode()


def read_record(path: str | os.PathLike, trusted: str) -> Record:
    """Reads a record and checks its signature.

    Args:
        path: Path of the file.
        trusted: The publisher's public key, hexadecimal.

    Returns:
        The record.

    Raises:
        ValueError: It is no record, it was changed, or somebody else signed it.
        OSError: It is missing or cannot be read.
    """
    return open_record(read_bytes(path), path, trusted)


def open_record(content: bytes, path: str | os.PathLike, trusted: str) -> Record:
    """Checks the content of a record's file; see `read_record`.

    Args:
        content: What `make_record` gave.
        path: Where it is from, for messages.
        trusted: The publisher's public key, hexadecimal.
    """
    try:
        fields = json.loads(content)
        if fields.keys() != _FIELDS or fields["version"] != 1:
            raise ValueError("fields are missing")
        signature = bytes.fromhex(fields["signature"])
        signer = Ed25519PublicKey.from_public_bytes(bytes.fromhex(trusted))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: is not a record; take it from your copy of it") from error
    if fields["public_key"] != trusted:
        raise ValueError(f"{path}: is signed by another key than the one given")
    try:
        signer.verify(signature, _signed(fields))
    except InvalidSignature as error:
        raise ValueError(f"{path}: was changed after it was signed") from error
    data = np.frombuffer(base64.b64decode(fields["thumbnail"]), np.uint8)
    thumbnail = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if thumbnail is None:
        raise ValueError(f"{path}: has no thumbnail; take it from your copy of it")
    return Record(fields, thumbnail[..., ::-1])


def _private(key: Key) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"sign" + key.secret).digest())


def _signed(fields: dict[str, Any]) -> bytes:
    content = {name: value for name, value in fields.items() if name != "signature"}
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _thumbnail_size(height: int, width: int) -> tuple[int, int]:
    scale = SIDE / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


# --- comparison -------------------------------------------------------------------------------


def differences(record: Record, image: np.ndarray, to_original: np.ndarray) -> np.ndarray:
    """Compares a picture with the thumbnail of its record.

    Args:
        record: The record.
        image: uint8 RGB (H, W, 3).
        to_original: Matrix (2, 3) from places (x, y) in the picture to those in the copy.

    Returns:
        float32 (rows, columns) of the thumbnail: differences after a robust fit of the colours,
        as multiples of what harmless changes make; 0 where the picture does not reach.
    """
    rows, columns = record.thumbnail.shape[:2]
    height, width = record.size
    factors = np.array([columns * _FINE / width, rows * _FINE / height])
    matrix = np.column_stack([
        to_original[:, :2] * factors[:, np.newaxis],
        (to_original[:, 2] + 0.5) * factors - 0.5,
    ])  # fmt: skip
    shrinks = abs(np.linalg.det(matrix[:, :2])) ** -0.5
    smooth = cv2.GaussianBlur(image, (0, 0), 0.4 * shrinks) if shrinks > 1.2 else image
    size = columns * _FINE, rows * _FINE
    laid = cv2.warpAffine(smooth.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE)
    there = cv2.warpAffine(np.ones(image.shape[:2], np.float32), matrix, size)
    laid, there = (
        cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA)
        for values in (laid, there)
    )
    inside = there > 0.98
    wanted = record.thumbnail.astype(np.float32)
    if inside.sum() < 32:
        return np.zeros((rows, columns), np.float32)
    if np.ptp(laid, axis=2).mean() < _GREY:
        wanted = np.repeat(luma(wanted)[..., np.newaxis], 3, axis=2)
    # The picture was warped, the thumbnail was not: neither may be finer than the other.
    target, laid = (cv2.GaussianBlur(values, (0, 0), 0.7) for values in (wanted, laid))
    error = _fitted(laid, target, inside) - target
    gray = target.mean(axis=2)
    contrast = cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    cut_off = (laid.min(axis=2) < 6) | (laid.max(axis=2) > 249)
    tolerance = np.hypot(np.hypot(_NOISE, _PER_CONTRAST * contrast), _CUT_OFF * cut_off)
    return np.where(inside, np.sqrt(np.mean(error**2, axis=2)) / tolerance, 0).astype(np.float32)


def _fitted(colours: np.ndarray, wanted: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Maps colours onto others as a change of tone would; what disagrees counts little.

    A picture that is nearly grey says nothing of what became of its colours. So the factors of
    colour are held near 1 where few pixels speak for others.
    """
    result = np.empty_like(wanted)
    grey = colours.mean(axis=2, keepdims=True)
    features = np.concatenate(
        [np.ones_like(grey), grey / 128, np.square(grey / 128), (colours - grey) / 128], axis=2
    )
    design = features[inside]
    ridge = np.diag(np.array([1e-5, 1e-5, 1e-5, *[_COLOUR_RIDGE] * 3], np.float32)) * len(design)
    for channel in range(3):
        target = wanted[..., channel][inside]
        weights = np.ones(len(target), np.float32)
        start = np.zeros(6, np.float32)
        start[[1, 3 + channel]] = 128
        for _ in range(12):
            weighted = design * weights[:, np.newaxis]
            solution = start + np.linalg.solve(
                weighted.T @ design + ridge, weighted.T @ (target - design @ start)
            )
            rest = np.abs(target - design @ solution)
            spread = max(1.4826 * float(np.median(rest)), 1.0)
            weights = 1 / (1 + np.square(rest / (2 * spread)))
        result[..., channel] = features @ solution
    return np.clip(result, 0, 255)
