"""The reader of torch files: it gives tensors back, and nothing in a file can make it do anything else."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from ml.backbones.torchfile import TorchFileError, read

SOURCE = Path("weights.pth")
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {np.dtype("float32"): "FloatStorage", np.dtype("int64"): "LongStorage"}


def _value(value: object) -> bytes:
    """The pickle of a value as a piece of a longer one."""
    return pickle.dumps(value, 2)[2:-1]


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _tensor(storage: str, key: str, length: int, *, view: tuple[int, tuple, tuple]) -> bytes:
    pid = _value("storage") + _global("torch", storage) + b"".join(map(_value, (key, "cpu", length, None)))
    arguments = b"".join(map(_value, (*view, False)))
    hooks = _global("collections", "OrderedDict") + b")R"
    return _global("torch._utils", "_rebuild_tensor_v2") + b"((" + pid + b"tQ" + arguments + hooks + b"tR"


def _file(
    tensors: dict[str, bytes], storages: dict[str, np.ndarray], *, magic: int = MAGIC, big: bool = False
) -> bytes:
    heads = [pickle.dumps(value, 2) for value in (magic, PROTOCOL, {"little_endian": not big})]
    items = b"".join(_value(name) + tensor for name, tensor in tensors.items())
    table = b"\x80\x02" + _global("collections", "OrderedDict") + b")R(" + items + b"u."
    keys = pickle.dumps(list(storages), 2)
    lengths_and_bytes = [len(values).to_bytes(8, "little") + values.tobytes() for values in storages.values()]
    return b"".join([*heads, table, keys, *lengths_and_bytes])


def _file_of(arrays: dict[str, np.ndarray]) -> bytes:
    """Each array a view of a storage of its own: the memory of the array, read with its strides."""
    tensors, storages = {}, {}
    for number, (name, array) in enumerate(arrays.items()):
        base = np.ascontiguousarray(array.T).reshape(-1)  # column order: strides are not the usual ones
        strides = tuple(step // array.itemsize for step in array.copy(order="F").strides)
        tensors[name] = _tensor(STORAGES[array.dtype], str(number), base.size, view=(0, array.shape, strides))
        storages[str(number)] = base
    return _file(tensors, storages)


ARRAYS = st.sampled_from(list(STORAGES)).flatmap(
    lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=4, max_side=4))
)
FILE = _file_of({"a": np.arange(6, dtype="float32").reshape(2, 3), "b": np.array(7)})


@given(st.dictionaries(st.text(max_size=5), ARRAYS, max_size=4))
def test_tensors_come_back_as_they_were_written(arrays):
    """Names, shapes, types, strides and values survive, whatever they are."""
    found = read(_file_of(arrays), SOURCE)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@given(st.integers(0, len(FILE) - 1))
def test_a_file_cut_short_anywhere_is_refused(length):
    """No cut goes unnoticed, and the error names the file."""
    with pytest.raises(TorchFileError, match=r"^weights\.pth is not a sound torch file"):
        read(FILE[:length], SOURCE)


class _Runs:
    """What a hostile pickle does: names a function, and has it called."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple:
        return os.system, (self.command,)


@pytest.mark.parametrize("place", ["first", "as a tensor", "as the keys"])
def test_a_file_that_wants_to_run_something_runs_nothing(place, tmp_path):
    """Wherever the call stands, the name is refused before it is looked up."""
    canary = tmp_path / "canary"
    hostile = pickle.dumps(_Runs(f"touch {canary}"), 2)
    heads = b"".join(pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, {"little_endian": True}))
    data = {
        "first": hostile,
        "as a tensor": _file({"a": hostile[2:-1]}, {}),
        "as the keys": heads + pickle.dumps({}, 2) + hostile,
    }[place]
    with pytest.raises(TorchFileError, match="system, which is no part of a tensor"):
        read(data, SOURCE)
    assert not canary.exists()
    pickle.loads(hostile)
    assert canary.exists(), "the canary is not one: the hostile pickle does nothing anyway"


@pytest.mark.parametrize(("module", "name"), [("builtins", "eval"), ("collections", "Counter"), ("torch", "load")])
def test_no_other_name_is_known(module, name):
    """Not even neighbours of the allowed ones."""
    with pytest.raises(TorchFileError, match=rf"{module}\.{name}"):
        read(_file({"a": _global(module, name)}, {}), SOURCE)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (3, (2,), (1,)),
        (0, (2, 2), (3, 1)),
        (-1, (2,), (1,)),
        (3, (2,), (-1,)),
        (0, (10**9,), (0,)),
        (0, (2,), ()),
    ],
    ids=["beyond the end", "stride too wide", "before the start", "backwards", "without end", "stride missing"],
)
def test_a_view_outside_its_storage_is_refused(offset, shape, strides):
    """A tensor can show no memory but the bytes of its own storage."""
    tensor = _tensor("FloatStorage", "0", 4, view=(offset, shape, strides))
    with pytest.raises(TorchFileError, match=r"impossible dimensions|outside its storage"):
        read(_file({"a": tensor}, {"0": np.zeros(4, "float32")}), SOURCE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 the newer kind is a zip file",
        _file({}, {}, magic=1),
        _file({}, {}, big=True),
        _file({}, {"unknown": np.zeros(1, "float32")}),
        _file({"a": _tensor("FloatStorage", "0", 4, view=(0, (1,), (1,)))}, {}),
        _file({"a": _tensor("FloatStorage", "0", 4, view=(0, (1,), (1,)))}, {"0": np.zeros(3, "float32")}),
        _file({"a": _tensor("FloatStorage", "0", 1, view=(0, (1,), (2**70,)))}, {"0": np.zeros(1, "float32")}),
        _file({"a": _value("no tensor")}, {}),
    ],
    ids=["empty", "zip", "magic", "big endian", "unasked storage", "no storage", "other length", "wide", "no tensor"],
)
def test_anything_else_is_refused(data):
    """The one error, whatever is wrong."""
    with pytest.raises(TorchFileError):
        read(data, SOURCE)


def test_a_storage_that_claims_to_be_endless_is_refused():
    """A length beyond all memory is an error of the file, not of the machine."""
    endless = _file({"a": _tensor("FloatStorage", "0", 2**62, view=(0, (1,), (1,)))}, {})
    keys = pickle.dumps(["0"], 2)
    with pytest.raises(TorchFileError):
        read(endless.removesuffix(pickle.dumps([], 2)) + keys + (2**62).to_bytes(8, "little"), SOURCE)
