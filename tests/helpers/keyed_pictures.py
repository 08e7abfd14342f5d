"""Photographs, keys and copies for the tests of protection by keys."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np

from forensics_keras import images
from malp_keras.key_files import Key
from malp_keras.keyed import KeyedProtector

IDENTITY = bytes.fromhex("0123456789ab")
_SAMPLES = Path(__file__).parents[2] / "datasets/samples/test"


def key(letter="k"):
    return Key("00000000", letter.encode() * 32, "The Daily", "2000-01-01", "0" * 64)


@cache
def protector(letter="k"):
    return KeyedProtector(key(letter))


@cache
def photograph(name="Kleiber_by_Lukas_Baubkus", side=384):
    picture = images.read_image(_SAMPLES / f"{name}.jpg")[:side, :side].copy()
    picture.setflags(write=False)
    return picture


@cache
def copy(name="Kleiber_by_Lukas_Baubkus", side=384, letter="k", identity=IDENTITY):
    made = protector(letter).protect_with_identity(photograph(name, side), identity).image
    made.setflags(write=False)
    return made


def jpeg(picture, quality):
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def scaled(picture, factor):
    size = [round(side * factor) for side in picture.shape[1::-1]]
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, size, interpolation=method)
