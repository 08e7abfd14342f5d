"""Archives that strangers may have made: what they hold is looked at before it is unpacked."""

from __future__ import annotations

import io
import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from forensics_keras.files import open_regular

_COMPRESSIONS = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED

_TIMES_PACKED, _ALWAYS_FINE = 4, 2**24


class _UnfitError(ValueError):
    """An array of another shape or type than is needed."""


def read_arrays(
    data: bytes, shapes: Mapping[str, tuple[int, ...]], owner: str, path: str | os.PathLike
) -> dict[str, np.ndarray]:
    """Reads the arrays of an `.npz` file, each only when its header says that it fits.

    Args:
        data: Content of the file.
        shapes: Shape of each array, by name.
        owner: What has these arrays, for error messages.
        path: Path of the file, for error messages.

    Returns:
        The arrays, of floating-point numbers that are all finite.

    Raises:
        ValueError: The file is damaged, has other arrays or others of these names, or numbers that
            are not finite.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {one.filename.removesuffix(".npy"): one for one in archive.infolist()}
            missing, unknown = set(shapes) - set(members), set(members) - set(shapes)
            if missing or unknown or len(members) != len(archive.infolist()):
                raise ValueError(
                    f"{path}: does not fit {owner}: "
                    f"missing {sorted(missing) or 'none'}, unknown {sorted(unknown) or 'none'}"
                )
            return {
                name: _read_array(archive, members[name], shape) for name, shape in shapes.items()
            }
    except _UnfitError as error:
        raise ValueError(f"{path}: {error.args[0]}, {owner} needs {error.args[1]}") from error
    # zipfile raises NotImplementedError for a compression that it does not know.
    except (zipfile.BadZipFile, NotImplementedError, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{path}: not a weights file: {error}") from error


def _read_array(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, shape: tuple[int, ...]
) -> np.ndarray:
    name = member.filename.removesuffix(".npy")
    if member.flag_bits & 1 or member.compress_type not in _COMPRESSIONS:
        raise zipfile.BadZipFile(f"{name} is encrypted, or compressed in an unknown way")
    with archive.open(member) as file:
        try:
            found, is_fortran, dtype = _read_header(file)
        except Exception as error:  # NumPy reads headers by Python's own parser
            raise zipfile.BadZipFile(f"{name}: {error}") from error
        if found != shape or dtype.kind != "f":
            raise _UnfitError(f"{name} is {dtype} of shape {found}", f"floats of shape {shape}")
        content = file.read(math.prod(shape) * dtype.itemsize)
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise zipfile.BadZipFile(f"{name} is cut short")
    values = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
    if not np.isfinite(values).all():
        raise zipfile.BadZipFile(f"{name} has values that are not finite")
    return values


def _read_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    if np.lib.format.read_magic(file) == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    return np.lib.format.read_array_header_2_0(file)


def check_model_file(path: str | os.PathLike) -> None:
    """Refuses a file of a model that would take far more memory than its size.

    Keras compresses nothing, so an honest file is about as large as what it holds.

    Args:
        path: `.keras` or `.h5` file; others are left to Keras.

    Raises:
        ValueError: The file unpacks to far more than its size, or takes arrays from other files.
        OSError: It is missing, no regular file, or cannot be read.
    """
    import h5py

    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        limit = _TIMES_PACKED * size + _ALWAYS_FINE
        try:
            if zipfile.is_zipfile(file):
                _check_zip(file, limit, path)
            elif h5py.is_hdf5(path):
                _check_hdf5(file, limit, path)
        # zipfile raises NotImplementedError for a compression that it does not know.
        except (zipfile.BadZipFile, OSError, RuntimeError, KeyError, NotImplementedError) as error:
            raise ValueError(f"{path}: not a model that Keras can load: {error}") from error


def _check_zip(file: Any, limit: int, path: str | os.PathLike) -> None:
    with zipfile.ZipFile(file) as archive:
        if sum(one.file_size for one in archive.infolist()) > limit:
            raise ValueError(f"{path}: unpacks to far more than its size; it is no honest model")
        for one in archive.infolist():
            if one.filename.endswith(".h5"):
                with archive.open(one) as member:
                    _check_hdf5(io.BytesIO(member.read(limit)), limit, path)


def _check_hdf5(file: Any, limit: int, path: str | os.PathLike) -> None:
    import h5py

    with h5py.File(file, "r") as arrays:
        total = 0

        def visit(group: h5py.Group) -> None:
            nonlocal total
            for name in group:
                link = group.get(name, getlink=True)
                if not isinstance(link, h5py.HardLink):
                    raise ValueError(f"{path}: {name} is a link; it is no honest model")
                item = group[name]
                if isinstance(item, h5py.Group):
                    visit(item)
                    continue
                if item.is_virtual or item.external:
                    raise ValueError(f"{path}: {name} is in another file; it is no honest model")
                total += item.size * item.dtype.itemsize
                if total > limit:
                    raise ValueError(
                        f"{path}: unpacks to far more than its size; it is no honest model"
                    )

        visit(arrays)
