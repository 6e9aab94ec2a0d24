"""Reads tensors, and nothing else, from the older (not zipped) kind of torch file: the one pickle that Trapline reads.

Such a file is five pickles (magic number, protocol, byte order, the dictionary of tensors, the keys of the storages),
then each storage: its length in items (int64) and its bytes. The unpickler knows four names and refuses every other, so
that a file can describe tensors and run nothing.
"""

import io
import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
# Where meaningless bytes can lead the pickle machine, by its documentation, and impossible numbers the arithmetic.
_CONFUSED = (
    pickle.UnpicklingError,
    EOFError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    OverflowError,
)


class TorchFileError(ValueError):
    """A file that is no torch file of this kind, is cut short, or asks for more than tensors."""


def read(data: bytes, source: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a file by name, as read-only arrays; ``source`` is for messages.

    Raises
    ------
    TorchFileError
        The bytes are anything else; nothing in them was run.

    """
    try:
        return _parse(io.BytesIO(data))
    except _CONFUSED as exc:
        raise TorchFileError(f"{source} is not a sound torch file of tensors: {exc}.") from exc


def _parse(file: io.BytesIO) -> dict[str, np.ndarray]:
    magic, protocol, system = (_TensorUnpickler(file).load() for _ in range(3))
    if (magic, protocol, system["little_endian"]) != (_MAGIC, _PROTOCOL, True):
        raise ValueError("its first bytes say something else")
    unpickler = _TensorUnpickler(file)
    tensors = unpickler.load()
    keys = _TensorUnpickler(file).load()
    values = {key: _storage_values(file, unpickler.storages[key]) for key in keys}
    return {name: _array(tensor, values) for name, tensor in tensors.items()}


@dataclass(frozen=True, slots=True)
class _Storage:
    """A run of numbers that tensors are views of; its bytes follow at the end of the file."""

    key: str
    dtype: np.dtype[Any]
    length: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A view of a storage; offset and strides count items."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _rebuild(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_gradients: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_KNOWN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _TensorUnpickler(pickle.Unpickler):
    """Knows the names that a dictionary of tensors needs; collects the storages that are asked for."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:  # pickle's own signature
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no part of a tensor") from None

    def persistent_load(self, pid: Any) -> _Storage:  # pickle's own signature
        _storage, dtype, key, _device, length, _view = pid
        return self.storages.setdefault(key, _Storage(key, dtype, length))


def _storage_values(file: io.BytesIO, storage: _Storage) -> np.ndarray:
    if int.from_bytes(file.read(8), "little", signed=True) != storage.length:
        raise ValueError(f"the length of storage {storage.key} is not what its tensors say")
    data = file.read(storage.length * storage.dtype.itemsize)
    values = np.frombuffer(data, storage.dtype)
    if len(values) != storage.length:
        raise EOFError(f"storage {storage.key} is cut short")
    return values


def _array(tensor: _Tensor, values: dict[str, np.ndarray]) -> np.ndarray:
    """Lay the view over its storage; one that would reach outside, or repeat it without end, is refused."""
    storage = values[tensor.storage.key]
    if min(tensor.offset, *tensor.shape, *tensor.strides, 0) < 0 or len(tensor.shape) != len(tensor.strides):
        raise ValueError("a tensor has impossible dimensions")
    last = tensor.offset + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.strides, strict=True))
    if last >= len(storage) or math.prod(tensor.shape) > len(storage):
        raise ValueError(f"a tensor reaches outside its storage {tensor.storage.key}")
    steps = [step * storage.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, steps, writeable=False)
