"""Manipulations made by other programs: a function, a network's file, or a folder of pictures.

What holds for all of them:

* pictures are RGB; a function gets and gives uint8 0 to 255, a network float32 in the range of
  numbers that it was trained for (`value_range`, most often -1 to 1 or 0 to 1);
* a network takes one picture tensor and gives one; what needs more (attributes, masks, prompts)
  joins by `from_callable`, with a function that fills them in;
* results are refused, by one clear error, if they do not fit the pictures in shape, number of
  pictures or kind of numbers.
"""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import keras
import numpy as np

from datasets.manipulations.base import Manipulated, Manipulation
from datasets.pairs import files_by_name
from datasets.photographs.sources import find_pictures, list_photographs
from forensics_keras.archives import check_model_file
from forensics_keras.images import read_bytes, read_image, read_mask
from forensics_keras.terminal import library_lines

Run = Callable[[np.ndarray], np.ndarray]
"""A network: float32 pictures (N, H, W, 3) in, float32 pictures of the same shape out."""


class FromCallable(Manipulation):
    """Manipulates by a function; see `from_callable`."""

    def __init__(self, name: str, function: Callable, family: str):
        super().__init__(name, family)
        self._function = function

    def manipulate(self, images: np.ndarray, seeds: list[int]) -> list[Manipulated]:
        result = self._function(images.copy(), seeds)
        pictures, masks = result if isinstance(result, tuple) else (result, None)
        pictures = self._pictures(np.asarray(pictures), images.shape)
        if masks is None:
            return [Manipulated(picture, None) for picture in pictures]
        masks = np.asarray(masks)
        if masks.shape != images.shape[:3] or not np.isin(masks, (0, 1)).all():
            raise ValueError(
                f"{self.name}: gave masks {masks.dtype} {masks.shape}; "
                f"expected {images.shape[:3]}, of zeros and ones"
            )
        return [*map(Manipulated, pictures, masks.astype(np.uint8))]

    def _pictures(self, pictures: np.ndarray, shape: tuple) -> np.ndarray:
        if pictures.shape != shape:
            raise ValueError(f"{self.name}: gave pictures {pictures.shape}; expected {shape}")
        if pictures.dtype == np.uint8:
            return pictures
        if not np.issubdtype(pictures.dtype, np.floating) or not np.isfinite(pictures).all():
            raise ValueError(
                f"{self.name}: gave pictures of {pictures.dtype}; "
                "expected uint8, or finite floating-point numbers from 0 to 255"
            )
        return np.rint(np.clip(pictures, 0, 255)).astype(np.uint8)


def from_callable(
    name: str, function: Callable[[np.ndarray, list[int]], object], family: str = "generative"
) -> Manipulation:
    """Makes a manipulation of any function.

    Args:
        name: Short name, for tables and reports.
        function: Gets pictures, uint8 (N, H, W, 3), RGB, and a list of N seeds; returns pictures
            of the same shape, uint8 or floating-point 0 to 255 (rounded and clipped here), or a
            tuple of them and exact masks, (N, H, W), 1 where a pixel was replaced and 0
            elsewhere. It should draw from the seeds alone, so that results can be repeated.
        family: One of `datasets.manipulations.FAMILIES`.

    Returns:
        The manipulation; it raises ValueError where the function gives something else.

    Example:
        >>> negative = from_callable("negative", lambda images, seeds: 255 - images)
        >>> negative(np.zeros((1, 64, 64, 3), np.uint8), [0])[0].image.max()
        np.uint8(255)
    """
    return FromCallable(name, function, family)


def from_keras(
    model: str | os.PathLike | keras.Model,
    name: str | None = None,
    value_range: tuple[float, float] = (-1.0, 1.0),
    size: int | None = None,
    output: str | None = None,
) -> Manipulation:
    """Makes a manipulation of a Keras model from pictures to pictures.

    Args:
        model: The model or its file (`.keras`, `.h5`), on any backend. Custom layers must be
            registered (`keras.saving.register_keras_serializable`) before.
        name: Short name; the file's, or the model's, by default.
        value_range: Numbers of black and white in the model's input and output.
        size: Side of the squares that the model takes. Pictures are scaled to it, and the results
            back, so that every pixel changes; by default the model takes any size.
        output: Name of the picture among several outputs in a dictionary.

    Returns:
        The manipulation, of the family "generative".

    Raises:
        ValueError: The file is no such model, or the model has several inputs.
        OSError: The file is missing.
    """
    source = model
    if not isinstance(model, keras.Model):
        with _reading(Path(model), "a Keras model"):
            check_model_file(model)
            model = keras.saving.load_model(model, compile=False)
    name = name or (model.name if source is model else Path(source).stem)
    inputs = getattr(model, "inputs", None) or []  # a subclassed model knows none
    if len(inputs) > 1:
        inputs = ", ".join(tensor.name for tensor in inputs)
        raise ValueError(f"{name}: has the inputs {inputs}; wrap the model by from_callable")

    def run(pictures: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(_single(model(pictures, training=False), output, name))

    return _network(name, run, value_range, size)


def from_saved_model(
    folder: str | os.PathLike,
    name: str | None = None,
    value_range: tuple[float, float] = (-1.0, 1.0),
    size: int | None = None,
    output: str | None = None,
    signature: str = "serving_default",
) -> Manipulation:
    """Makes a manipulation of a TensorFlow SavedModel from pictures to pictures.

    TensorFlow runs it, whatever backend Keras has. A SavedModel is a program, which may read and
    write files: load only those of people whom you trust.

    Args:
        folder: Folder of the SavedModel; its pictures are (N, H, W, 3).
        name: Short name; the folder's by default.
        value_range: Numbers of black and white, as in `from_keras`.
        size: Side of the squares that the network takes, as in `from_keras`.
        output: Name of the picture among several outputs.
        signature: Name of the signature to call.

    Returns:
        The manipulation, of the family "generative".

    Raises:
        ValueError: The folder is no SavedModel, or has no such signature of one input.
        OSError: The folder is missing.
        ImportError: TensorFlow is not installed.
    """
    import tensorflow as tf

    folder = Path(folder)
    with _reading(folder, "a SavedModel"):
        loaded = tf.saved_model.load(os.fspath(folder))
    if signature not in loaded.signatures:
        known = ", ".join(loaded.signatures) or "none"
        raise ValueError(f"{folder}: has no signature {signature!r}; it has: {known}")
    function = loaded.signatures[signature]
    inputs = list(function.structured_input_signature[1])
    if len(inputs) != 1:
        raise ValueError(f"{folder}: takes {', '.join(inputs)}; wrap the model by from_callable")
    name = name or folder.name

    def run(pictures: np.ndarray) -> np.ndarray:
        # The function needs `loaded`, which owns its weights, to be kept.
        outputs = loaded.signatures[signature](**{inputs[0]: tf.constant(pictures)})
        return _single(outputs, output, name).numpy()

    return _network(name, run, value_range, size)


def from_onnx(
    path: str | os.PathLike,
    name: str | None = None,
    value_range: tuple[float, float] = (-1.0, 1.0),
    size: int | None = None,
    channels_first: bool = True,
) -> Manipulation:
    """Makes a manipulation of an ONNX file from pictures to pictures; OpenCV runs it.

    Args:
        path: The `.onnx` file; its first output is the picture.
        name: Short name; the file's by default.
        value_range: Numbers of black and white, as in `from_keras`.
        size: Side of the squares that the network takes, as in `from_keras`.
        channels_first: Whether pictures are (1, 3, H, W), as PyTorch exports them, or (1, H, W, 3).

    Returns:
        The manipulation, of the family "generative".

    Raises:
        ValueError: The file is no ONNX model, takes weights from outside its folder, or has
            operations that OpenCV does not know.
        OSError: The file is missing.
    """
    path = Path(path)
    with _reading(path, "an ONNX model"):
        _check_external_data(path)
        network = cv2.dnn.readNetFromONNX(os.fspath(path))
    lock = threading.Lock()  # a network of OpenCV holds its input

    def run(pictures: np.ndarray) -> np.ndarray:
        if channels_first:
            pictures = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
        with lock:
            results = [_forward(network, picture[None], path) for picture in pictures]
        result = np.concatenate(results)
        return result.transpose(0, 2, 3, 1) if channels_first and result.ndim == 4 else result

    return _network(name or path.stem, run, value_range, size)


_LOCATION = b"\x0a\x08location"
"""Protocol buffer of a key; its value, the path of a file with weights, should follow."""


def _check_external_data(path: Path) -> None:
    """Refuses weights in files that do not lie beside the model."""
    content = read_bytes(path)
    for found in re.finditer(re.escape(_LOCATION), content):
        end = found.end()
        # A value of over 127 bytes has a longer length, and is no file beside the model.
        if content[end : end + 1] != b"\x12" or content[end + 1] > 127:
            raise ValueError("names a file of weights in an unusual way")
        name = os.fsdecode(content[end + 2 : end + 2 + content[end + 1]])
        file = (path.parent / name).resolve()
        if not file.is_relative_to(path.parent.resolve()):
            raise ValueError(f"takes weights from outside its folder, {name}")


def _forward(network: cv2.dnn.Net, picture: np.ndarray, path: Path) -> np.ndarray:
    try:
        network.setInput(picture)
        return network.forward().copy()
    except cv2.error as error:
        raise ValueError(f"{path}: cannot be run on {picture.shape} ({error.err})") from error


@contextmanager
def _reading(path: Path, what: str) -> Iterator[None]:
    """Turns what a reader raises for a bad file into one clear line."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file or folder; check the path")
    try:
        with library_lines():  # the error says the same
            yield
    except Exception as error:  # readers of models raise nearly anything for damaged files
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(
            f"{path}: cannot be read as {what} ({reason}); check the file or export it again"
        ) from error


def _single(outputs: object, output: str | None, name: str):
    """Finds the picture among a model's outputs."""
    if isinstance(outputs, dict) and (output is not None or len(outputs) == 1):
        key = output if output is not None else next(iter(outputs))
        if key in outputs:
            return outputs[key]
    elif not isinstance(outputs, dict | list | tuple):
        return outputs
    known = ", ".join(outputs) if isinstance(outputs, dict) else f"{len(outputs)} without names"
    raise ValueError(f"{name}: has no single output {output or ''}; its outputs are: {known}")


def _network(
    name: str, run: Run, value_range: tuple[float, float], size: int | None
) -> Manipulation:
    low, high = map(float, value_range)
    if not low < high:
        raise ValueError(f"value_range must be black and white, like (-1, 1), not {value_range}")

    def function(images: np.ndarray, seeds: list[int]) -> np.ndarray:
        height, width = images.shape[1:3]
        given = images if size is None else _scaled(images, size, size)
        result = run(given.astype(np.float32) * np.float32((high - low) / 255) + np.float32(low))
        if result.shape != given.shape:
            raise ValueError(f"{name}: gave pictures {result.shape}; expected {given.shape}")
        result = (result.astype(np.float32) - low) * (255 / (high - low))
        return result if size is None else _scaled(result, width, height)

    return from_callable(name, function)


def _scaled(pictures: np.ndarray, width: int, height: int) -> np.ndarray:
    area = width * height < pictures.shape[1] * pictures.shape[2]
    method = cv2.INTER_AREA if area else cv2.INTER_CUBIC
    return np.stack([cv2.resize(p, (width, height), interpolation=method) for p in pictures])


class FromPairs(Manipulation):
    """A manipulation that was made elsewhere; see `from_pairs`.

    Attributes:
        protected: Names and files of the protected pictures.
        manipulated: Names and files of what became of them.
        masks: Names and files of exact masks, where there are any.
    """

    def __init__(self, folder: str | os.PathLike, name: str | None, family: str):
        folder = Path(folder)
        super().__init__(name or folder.name, family)
        self.folder = folder
        before, after, masks = (folder / part for part in ("protected", "manipulated", "mask"))
        self.protected = files_by_name(before, list_photographs(before))
        self.manipulated = files_by_name(after, list_photographs(after))
        self.masks = files_by_name(masks, find_pictures(masks)) if masks.is_dir() else {}
        for lone in sorted(self.protected.keys() ^ self.manipulated.keys()):
            raise ValueError(
                f"{folder}: {lone} is in only one of protected/ and manipulated/; "
                "add the other picture or remove this one"
            )
        for lone in sorted(self.masks.keys() - self.protected.keys()):
            raise ValueError(f"{self.masks[lone]}: is a mask without a picture; remove it")
        self._names: dict[bytes, str] | None = None
        self._lock = threading.Lock()

    def manipulate(self, images: np.ndarray, seeds: list[int]) -> list[Manipulated]:
        with self._lock:
            if self._names is None:
                files = self.protected.items()
                self._names = {_digest(read_image(file)): name for name, file in files}
        return [self._made(image) for image in images]

    def _made(self, image: np.ndarray) -> Manipulated:
        name = self._names.get(_digest(image))
        if name is None:
            raise ValueError(f"{self.folder / 'protected'}: has no such picture, pixel by pixel")
        made = read_image(self.manipulated[name])
        mask = read_mask(self.masks[name]) if name in self.masks else None
        for part, file in [(made, self.manipulated[name]), (mask, self.masks.get(name))]:
            if part is not None and part.shape[:2] != image.shape[:2]:
                raise ValueError(
                    f"{file}: has {part.shape[1]}x{part.shape[0]} pixels, the protected picture "
                    f"{image.shape[1]}x{image.shape[0]}; make it anew at that size"
                )
        return Manipulated(made, mask)


def _digest(image: np.ndarray) -> bytes:
    return hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()


def from_pairs(
    folder: str | os.PathLike, name: str | None = None, family: str = "generative"
) -> FromPairs:
    """Makes a manipulation of a folder of pictures that another program manipulated.

    Protect pictures, let the other program manipulate them, and put both under the same names (up
    to the ending) into

        protected/ + manipulated/ [+ mask/]

    where a mask, if there is one, is not 0 where pixels were replaced. The manipulation finds
    a picture in `protected/` by its pixels, and gives what became of it; seeds change nothing.

    Args:
        folder: Folder of these folders, which may have sub-folders.
        name: Short name; the folder's by default.
        family: One of `datasets.manipulations.FAMILIES`.

    Returns:
        The manipulation. It raises ValueError for a picture that is not in `protected/`, and for
        one whose result has another size.

    Raises:
        OSError: A folder is missing or cannot be listed.
        ValueError: A picture has no partner, or two have one name.

    Example:
        >>> diffused = from_pairs("diffused")  # doctest: +SKIP
        >>> picture = read_image(diffused.protected["beach/1"])  # doctest: +SKIP
        >>> [made] = diffused(picture[None], seeds=[0])  # doctest: +SKIP
    """
    return FromPairs(folder, name, family)
