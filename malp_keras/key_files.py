"""Keys: 32 random bytes in a small file, made at once.

A key file is text: a first line that says what it is, the SHA-256 of the line after it, and that
line, JSON with the secret, an id for reports, the publisher and the date. Whoever has the file can
protect, verify, and sign records in the publisher's name: keep it secret, and keep a copy.

Keys of the earlier kind, which hold a trained network, are in `malp_keras.keys`.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field

from forensics_keras import images, model_card
from forensics_keras.files import write_atomically
from forensics_keras.model_card import Form, Sha256, shown
from malp_keras.keys import refuse_existing

_FIRST_LINE = b"MaLP key 2\n"


class KeyContent(Form):
    """The fields of a key file."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern="^[0-9a-f]{8}$")]
    made: Annotated[str, Field(pattern="^[0-9-]{10}$")]
    publisher: Annotated[str, Field(max_length=200), AfterValidator(shown)]
    secret: Sha256


class Key(NamedTuple):
    """What a key file holds.

    Attributes:
        id: Eight hexadecimal digits, which reports may show.
        secret: 32 random bytes.
        publisher: Whose records it signs; may be empty.
        made: Date.
        sha256: Of the file's content, in hexadecimal.
    """

    id: str
    secret: bytes
    publisher: str
    made: str
    sha256: str


def make_key_file(path: str | os.PathLike, publisher: str = "", overwrite: bool = False) -> Key:
    """Makes a key and writes its file, which only the user may read.

    Args:
        path: Path of the file.
        publisher: Name for the records.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The key.

    Raises:
        ValueError: The file exists.
        OSError: The file cannot be written.
    """
    refuse_existing(path, overwrite)
    secret = secrets.token_bytes(32)
    identifier = hashlib.sha256(b"id" + secret).hexdigest()[:8]
    made = time.strftime("%Y-%m-%d", time.gmtime())
    content = {"id": identifier, "publisher": publisher, "made": made, "secret": secret.hex()}
    body = json.dumps(content).encode() + b"\n"
    model_card.read_card(body, KeyContent, path)
    sha256 = hashlib.sha256(body).hexdigest()
    write_atomically(
        path, _FIRST_LINE + sha256.encode() + b"\n" + body, private=True, exists_ok=overwrite
    )
    return Key(identifier, secret, publisher, made, sha256)


def is_key_file(path: str | os.PathLike) -> bool:
    """Whether a file says that it is a key of this kind.

    Raises:
        OSError: It is missing or cannot be read.
    """
    return images.read_bytes(path).startswith(_FIRST_LINE)


def read_key_file(path: str | os.PathLike) -> Key:
    """Reads a key.

    Args:
        path: Path of the file.

    Returns:
        The key.

    Raises:
        ValueError: It is no key of this kind, or damaged.
        OSError: It is missing or cannot be read.
    """
    data = images.read_bytes(path)
    if not data.startswith(_FIRST_LINE):
        raise ValueError(f"{path}: is not a key; make one with python -m malp_keras keygen FILE")
    sha256, _, body = data[len(_FIRST_LINE) :].partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != sha256:
        raise ValueError(f"{path}: is damaged (wrong SHA-256); take it from your copy of it")
    content = model_card.read_card(body, KeyContent, path)
    secret = bytes.fromhex(content.pop("secret"))
    return Key(**content, secret=secret, sha256=sha256.decode())
