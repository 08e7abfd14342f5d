"""The identity of a picture as a code that survives errors: 48 bits in the 127 of a BCH code.

The code is the narrow-sense binary BCH(127, 50) of minimum distance 27. Carriers answer with real
numbers, not bits, and how sure each is decides what can be read; libraries decode bits. So the
decoding here is the usual one for real numbers: the surest independent positions fix a code word,
and all words that differ in up to two of them are tried (ordered statistics, order 2).

Reference: [Fossorier and Lin, 1995](https://doi.org/10.1109/18.412683).
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np

IDENTITY_BYTES = 6
LENGTH, _MESSAGE = 127, 50
_GENERATOR = 0o54446512523314012421501421
"""The generator polynomial in the tables of Lin and Costello."""
_ORDER = 2


class Reading(NamedTuple):
    """What was read.

    Attributes:
        identity: `IDENTITY_BYTES` bytes.
        code: The code word as -1 and 1, float32 (LENGTH,).
        agreement: Cosine of the code word with what the carriers answered. The best word for noise
            reaches about 0.7.
    """

    identity: bytes
    code: np.ndarray
    agreement: float


def encode(identity: bytes) -> np.ndarray:
    """Makes the code word of an identity.

    Args:
        identity: `IDENTITY_BYTES` bytes.

    Returns:
        -1 and 1, float32 (LENGTH,).
    """
    bits = np.unpackbits(np.frombuffer(identity, np.uint8))
    message = np.concatenate([bits, np.zeros(_MESSAGE - len(bits), np.uint8)])
    return _signs(message @ _generator_matrix() % 2)


def decode(answers: np.ndarray) -> Reading:
    """Finds the code word that is most like what the carriers answered.

    Args:
        answers: Real numbers (LENGTH,), their signs the bits, their sizes how sure these are.

    Returns:
        The reading; it is for the caller to judge its agreement.
    """
    order = np.argsort(-np.abs(answers), kind="stable")
    matrix, order = _systematic(_generator_matrix()[:, order], order)
    sorted_answers = answers[order]
    surest = (sorted_answers[:_MESSAGE] > 0).astype(np.uint8)
    flips = np.zeros((1 + _MESSAGE + _MESSAGE * (_MESSAGE - 1) // 2, _MESSAGE), np.uint8)
    tried = (c for size in range(_ORDER + 1) for c in itertools.combinations(range(_MESSAGE), size))
    for row, places in enumerate(tried):
        flips[row, list(places)] = 1
    words = _signs((flips ^ surest) @ matrix % 2)
    words = words[np.argsort(-(words @ sorted_answers), kind="stable")]
    code = np.empty((len(words), LENGTH), np.float32)
    code[:, order] = words
    # The two bits that no identity uses are 0 in every word that was sent.
    messages = (code[:, :_MESSAGE] > 0).astype(np.uint8)
    sent = np.flatnonzero(~messages[:, 8 * IDENTITY_BYTES :].any(axis=1))
    best = sent[0] if sent.size else 0
    identity = np.packbits(messages[best, : 8 * IDENTITY_BYTES]).tobytes()
    length = np.linalg.norm(answers) * np.sqrt(LENGTH)
    agreement = float(code[best] @ answers / length) if length else 0.0
    return Reading(identity, code[best], agreement)


@functools.cache
def _generator_matrix() -> np.ndarray:
    """The code's generator matrix, its first columns the message: uint8 (_MESSAGE, LENGTH)."""
    checks = LENGTH - _MESSAGE
    rows = []
    for place in range(_MESSAGE):
        power = 1 << (LENGTH - 1 - place)
        rest = power
        while rest.bit_length() > checks:
            rest ^= _GENERATOR << (rest.bit_length() - _GENERATOR.bit_length())
        rows.append([int(bit) for bit in f"{power ^ rest:0{LENGTH}b}"])
    return np.array(rows, np.uint8)


def _systematic(matrix: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brings the first independent columns to the front, and makes a unit matrix of them."""
    matrix = matrix.copy()
    pivots: list[int] = []
    for column in range(LENGTH):
        row = len(pivots)
        candidates = np.flatnonzero(matrix[row:, column])
        if not candidates.size:
            continue
        matrix[[row, row + candidates[0]]] = matrix[[row + candidates[0], row]]
        others = np.flatnonzero(matrix[:, column])
        matrix[others[others != row]] ^= matrix[row]
        pivots.append(column)
        if len(pivots) == _MESSAGE:
            break
    rest = np.setdiff1d(np.arange(LENGTH), pivots)
    columns = np.concatenate([pivots, rest])
    return matrix[:, columns], order[columns]


def _signs(bits: np.ndarray) -> np.ndarray:
    return bits.astype(np.float32) * 2 - 1
