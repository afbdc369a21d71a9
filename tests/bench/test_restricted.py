"""Pickles are read by building plain values: everything plain comes back, and nothing is ever run."""

from __future__ import annotations

import bz2
import codecs
import collections
import gzip
import io
import pickle
import random
import re
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archwright.bench.pickle_source import Source
from archwright.bench.restricted import load_pickle, read_pickle
from archwright.core.errors import BenchError, NasError, UnsafeFileError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

KEYS = st.one_of(
    st.integers(), st.text(max_size=12), st.booleans(), st.none(), st.binary(max_size=8), st.floats(allow_nan=False)
)
LEAVES = st.one_of(KEYS, st.sets(st.integers(), max_size=4), st.frozensets(st.text(max_size=3), max_size=4))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(KEYS, inner, max_size=5),
        st.dictionaries(KEYS, inner, max_size=5).map(collections.OrderedDict),
    ),
    max_leaves=20,
)


def load(data: bytes, **options: Any) -> Any:
    return load_pickle(Source(io.BytesIO(data), "test.pickle", limit=1 << 30), **options)


@settings(deadline=None)
@given(value=VALUES, protocol=st.sampled_from(PROTOCOLS))
def test_plain_values_come_back(value: Any, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol=protocol)) == value


@settings(deadline=None, max_examples=50)
@given(data=st.data(), protocol=st.sampled_from(PROTOCOLS))
def test_curves_come_back(data: st.DataObject, protocol: int) -> None:
    """Runs of equal instructions are read at once; the plain reader is the slow twin."""
    n = data.draw(st.integers(0, 40))
    start = data.draw(st.sampled_from([0, 250, 65_530]))
    numbers = data.draw(st.lists(st.floats(allow_nan=False), min_size=n, max_size=n))
    names = [f"x-valid@{i}" for i in range(n)]
    shared = dict(zip(names, numbers, strict=True))
    value = {
        "by epoch": {start + i: number for i, number in enumerate(numbers)},
        "by name": shared,
        "by the same names": dict(zip(names, reversed(numbers), strict=True)),
        "by names of two kinds": {**shared, **{f"ori-test@{i}": 1.5 for i in range(n)}},
        "in another order": dict.fromkeys(reversed(names), 0.5),
        "list": [*numbers, "text", *numbers],
    }
    assert load(pickle.dumps([value, value["by name"], value], protocol=protocol)) == pickle.loads(  # noqa: S301
        pickle.dumps([value, value["by name"], value], protocol=protocol)
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_long_curves_are_read_across_blocks(protocol: int) -> None:
    # 3 MB: windows of 1 MiB end in the middle of runs.
    curves = [{f"x-valid@{i}": i + n / 7 for i in range(200)} for n in range(500)]
    assert load(pickle.dumps(curves, protocol=protocol)) == curves


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
        np.array(["ab", "c"]),
        np.array([True, False]),
        np.zeros((0, 3), dtype=np.float16),
        np.array(3),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)
def test_arrays_come_back(array: np.ndarray, protocol: int) -> None:
    found = load(pickle.dumps({"array": array}, protocol=protocol))["array"]
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numpy_scalars_become_numbers(protocol: int) -> None:
    values = [np.float64(0.1), np.float32(1.5), np.int64(-7), np.bool_(True)]
    found = load(pickle.dumps(values, protocol=protocol))
    assert found == [0.1, 1.5, -7, True]
    assert [type(value) for value in found] == [float, float, int, bool]


def test_compressed_files_are_read(tmp_path: Path) -> None:
    for name, opened in (("a.pickle.pbz2", bz2.open), ("a.pickle.gz", gzip.open), ("a.pickle", open)):
        with opened(tmp_path / name, "wb") as file:
            pickle.dump({"a": [1, 2]}, file)
        assert read_pickle(tmp_path / name) == {"a": [1, 2]}


def test_a_dict_that_was_used_up_is_forgotten() -> None:
    seen = []

    def use(found: dict[Any, Any]) -> bool:
        if "curve" not in found:
            return False
        seen.append(sum(found.pop("curve").values()))
        return True

    rows = [{"curve": {i: float(n) for i in range(20)}, "name": "row"} for n in range(50)]
    assert load(pickle.dumps(rows, protocol=4), each_dict=use) == [{"name": "row"}] * 50
    assert seen == [20.0 * n for n in range(50)]


def test_reference_to_a_forgotten_dict_is_an_error_and_no_wrong_value() -> None:
    inner = {"a": 1}
    data = pickle.dumps([{"inner": inner, "other": 1}, inner], protocol=4)
    with pytest.raises(BenchError, match="refers back to value"):
        load(data, each_dict=lambda found: "inner" in found)


class Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function: Any, *given: Any) -> None:
        self.call = (function, given)

    def __reduce__(self) -> Any:
        return self.call


def call(module: str, name: str, argument: str) -> bytes:
    return f"c{module}\n{name}\n(S'{argument}'\ntR.".encode()


ATTACKS = {
    "os.system": call("os", "system", "touch {target}"),
    "posix.system": call("posix", "system", "touch {target}"),
    "builtins.eval": call("builtins", "eval", "open(chr(47))"),
    "__builtin__.eval": call("__builtin__", "eval", "1"),
    "builtins.exec": b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93\x8c\x011\x85R.",
    "builtins.getattr": b"cbuiltins\ngetattr\n(cos\nsystem\nS'x'\ntR.",
    "collections.OrderedDict.__class__": b"\x80\x04\x8c\x0bcollections\x8c\x15OrderedDict.__class__\x93.",
    "numpy.core.multiarray.scalar.__globals__": b"\x80\x04\x8c\x15numpy.core.multiarray\x8c\x12scalar.__globals__\x93.",
    "copyreg._reconstructor": b"ccopyreg\n_reconstructor\n(cbuiltins\nobject\ncbuiltins\nobject\nNtR.",
    "copy_reg._reconstructor": b"ccopy_reg\n_reconstructor\n(N.",
    "subprocess.Popen": pickle.dumps(Calls(subprocess.Popen, ["true"]), protocol=4),
    "importlib.import_module": call("importlib", "import_module", "antigravity"),
    "numpy.load": call("numpy", "load", "x.npy"),
    "numpy.testing._private.utils.runstring": call("numpy.testing._private.utils", "runstring", "1"),
    "torch.load": call("torch", "load", "x"),
    "pickle.loads": call("pickle", "loads", "x"),
    "operator.attrgetter": call("operator", "attrgetter", "system"),
    "archwright.core.arch.Arch": call("archwright.core.arch", "Arch", "x"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_code_is_refused_by_name(name: str, tmp_path: Path) -> None:
    target = tmp_path / "touched"
    path = tmp_path / "attack.pickle"
    path.write_bytes(ATTACKS[name].replace(b"{target}", bytes(target)))
    wanted = re.escape(name.split("\n")[0])
    if name == "builtins.getattr" or "__builtin__" in name:
        wanted = wanted.replace("__builtin__", "(__builtin__|builtins)")
    with pytest.raises(
        UnsafeFileError, match=rf"attack\.pickle must be plain data, but it asks for '{wanted}"
    ) as caught:
        read_pickle(path)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert not target.exists()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (pickle.dumps(np.array([1, "a"], dtype=object), protocol=4), "dtype 'O"),
        (pickle.dumps(np.zeros(2, dtype=[("a", "f8")]), protocol=4), "dtype 'V"),
        (pickle.dumps(slice(1, 2), protocol=4), "builtins.slice"),
        (pickle.dumps(Path("x"), protocol=4), "pathlib"),
        (pickle.dumps(collections.Counter("aab"), protocol=4), "collections.Counter"),
        (b"(cos\nsystem\nS'true'\no.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "objects of classes .INST"),
        (b"\x80\x02K\x01)\x81.", "objects of classes .NEWOBJ"),
        (b"\x80\x02\x82\x01.", "objects of classes .EXT1"),
        (b"\x80\x05\x97.", "objects of classes .NEXT_BUFFER"),
        (b"K\x01)R.", "calls a value"),
        (b"ccollections\nOrderedDict\nK\x01R.", "calls a value"),
        (b"]}b.", "sets that of a list"),
        (b"ccollections\nOrderedDict\n}b.", "sets that of a Name"),
        (b"}K\x01b.", "sets that of a dict"),
        (b"K\x01K\x02K\x03s.", "sets items of no dict"),
        (b"K\x01K\x02a.", "appends to no list"),
        (b"](K\x01\x90.", "adds to no set"),
        (b"Pthe id\n.", "refers to something outside"),
        (b"K\x01Q.", "refers to something outside"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(ccollections\nOrderedDict\n(K\x00tC\x01btR.", "another class"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.", "encode text as latin1"),
        (b"cnumpy\ndtype\n(S'O'\nI0\nI1\ntR.", "dtype 'O'"),
        (b"cnumpy\ndtype\n(S'f8'\ntR(I3\nS'<'\nN(S'a'\nt}tb.", "dtype with fields"),
    ],
)  # fmt: skip
def test_other_ways_to_objects_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(UnsafeFileError, match=problem) as caught:
        load(data)
    assert "\n" not in str(caught.value)


def deep(n: int) -> bytes:
    """A tuple in a tuple in a tuple ..., as a key: hashing it would exhaust the stack."""
    return b"})" + b"\x85" * n + b"K\x01s."


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b".", "claims to have"),
        (b"X" + struct.pack("<I", (1 << 32) - 1) + b".", "claims to have"),
        (b"X" + struct.pack("<I", 1 << 29) + b"abc.", "ends in the middle"),
        (b"\x8b" + struct.pack("<i", 1 << 30) + b".", "claims to have"),
        (b"\x8b" + struct.pack("<i", -5) + b".", "claims to have"),
        (b"L" + b"9" * 60_000 + b"L\n.", "ValueError"),
        (b"(" * 20_000, "lists are open"),
        (b"N" * 5_000_001, "wait for a list"),
        (deep(200_000), "must have plain keys"),
        (b"K\x01r" + struct.pack("<I", 1 << 31) + b"j" + struct.pack("<I", 5) + b".", "refers back to value 5"),
        (b"h\x07.", "refers back to value 7"),
        (b"g-5\n.", "refers back to value -5"),
        (b".", "IndexError"),
        (b"u.", "IndexError"),
        (b"\x86.", "IndexError"),
        (b"\x80\x09.", "protocol 0 to 5"),
        (b"\xff.", "no pickle has the instruction 0xff"),
        (b"not a pickle", "must be a pickle"),
        (b"", "ends in the middle"),
        (b"}(K\x01u.", "sets items of no dict"),
        (b"}]K\x01s.", "must have plain keys"),
        (b"cnumpy\ndtype\n(S'f8'\ntR\x94.", "must hold data only"),
        (b"\x8c\x02\xff\xfe.", "UnicodeDecodeError"),
        (pickle.dumps(np.arange(4.0), protocol=2)[:-20] + b".", "must"),
    ],
)
def test_damaged_and_malicious_sizes_are_refused_without_using_memory(data: bytes, problem: str | None) -> None:
    if problem is None:
        load(data)
        return
    with pytest.raises(NasError, match=problem) as caught:
        load(data)
    assert "\n" not in str(caught.value)


def test_an_array_that_claims_another_size_than_its_bytes_is_refused() -> None:
    data = pickle.dumps(np.arange(4.0), protocol=4).replace(b"K\x04\x85", b"K\xff\x85")
    with pytest.raises(BenchError, match="must have as many bytes"):
        load(data)


def test_a_compressed_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwright.bench.restricted._SPARE", 1 << 20)
    path = tmp_path / "bomb.pickle.gz"
    with gzip.open(path, "wb") as file:
        file.write(b"B" + struct.pack("<I", 8 << 20) + bytes(8 << 20) + b".")
    assert path.stat().st_size < 20_000
    with pytest.raises(BenchError, match="holds more"):
        read_pickle(path)


def test_every_cut_of_a_file_is_an_error_of_one_line() -> None:
    value = {"a": [1, 2.5, "x"], "c": collections.OrderedDict((i, float(i)) for i in range(20)), "n": np.arange(3)}
    for protocol in PROTOCOLS:
        data = pickle.dumps(value, protocol=protocol)
        for end in range(len(data)):
            with pytest.raises(NasError) as caught:
                load(data[:end])
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("inside", [lambda x: x, lambda x: [1, (x,)], lambda x: {"a": {"b": [x]}}])
@pytest.mark.parametrize("left", [np.dtype("f8"), np.ndarray, collections.OrderedDict])
def test_a_name_or_type_left_among_the_values_is_refused(left: object, inside: Callable[[object], object]) -> None:
    with pytest.raises(UnsafeFileError, match="must hold data only") as caught:
        load(pickle.dumps(inside(left)))
    assert "\n" not in str(caught.value)


def test_a_list_that_holds_itself_is_read() -> None:
    value: list[object] = [1]
    value.append(value)
    found = load(pickle.dumps(value))
    assert found[0] == 1
    assert found[1] is found


@settings(deadline=None, max_examples=300)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 8), protocol=st.sampled_from(PROTOCOLS))
@example(seed=42587870, n=1, protocol=0)
def test_changed_bytes_give_a_value_or_an_error_of_ours(seed: int, n: int, protocol: int) -> None:
    value = {"a": [1, 2.5, "x", (3, None)], "k": {f"x-valid@{i}": 0.5 for i in range(10)}, "n": np.arange(3)}
    data = bytearray(pickle.dumps(value, protocol=protocol))
    chance = random.Random(seed)
    for _ in range(n):
        data[chance.randrange(len(data))] = chance.randrange(256)
    told = "a value"
    try:
        found = load(bytes(data))
    except NasError as error:
        told = str(error)
    else:
        assert plain(found)
    assert len(told.splitlines()) == 1


def plain(value: Any) -> bool:
    """Whether there is nothing in a value, however deep, but data."""
    if isinstance(value, dict):
        return all(plain(each) for pair in value.items() for each in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(plain, value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufcSU" or plain(value.tolist())
    return value is None or isinstance(value, bool | int | float | complex | str | bytes | np.generic)


def test_a_file_that_cannot_be_decompressed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.pbz2"
    path.write_bytes(b"BZh9" + b"\x00" * 100)
    with pytest.raises(BenchError, match=r"broken\.pbz2 must be"):
        read_pickle(path)
    with pytest.raises(BenchError, match="must be a readable file"):
        read_pickle(tmp_path)


def test_text_of_protocol_2_as_bytes_comes_back() -> None:
    data = bytes(range(256))
    assert load(pickle.dumps(data, protocol=2)) == data
    assert codecs.encode(data.decode("latin-1"), "latin-1") == data
