"""The stack machine that a pickle is a program for, without its calls: it can only put plain values together."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from archwright.bench.pickle_globals import PLAIN_KEYS, Builder, Name, set_state
from archwright.bench.pickle_memo import Memo
from archwright.bench.pickle_runs import read_run
from archwright.bench.pickle_source import Source
from archwright.core.errors import BenchError, UnsafeFileError

__all__ = ["Machine"]

#: Values that wait to be put together, and lists that are open at once: more is no data but an attack.
_WAITING = 5_000_000
_OPEN = 10_000
#: Bytes of one text or array, and of one whole number.
_PIECE = 1 << 30
_NUMBER = 1 << 12
_HIGHEST_PROTOCOL = 5


class Machine:
    """Reads one pickle. The instructions are those of the standard library's `pickletools`.

    Args:
        source: The pickle's bytes.
        allowed: `module.name` to what builds a value for it.
        each_dict: Called with a dict when items were put into it; True: forget the dicts inside.
        persistent: Gives the value of a persistent id.
    """

    def __init__(
        self,
        source: Source,
        *,
        allowed: Mapping[str, Builder],
        each_dict: Callable[[dict[Any, Any]], bool] | None,
        persistent: Callable[[Any], Any] | None,
    ) -> None:
        self.source = source
        self.memo = Memo()
        self.stack: list[Any] = []
        self.marks: list[tuple[int, int]] = []
        self._allowed = allowed
        self._each_dict = each_dict
        self._persistent = persistent

    def run(self) -> Any:
        """Return the value that the pickle ends with."""
        source, stack, acts = self.source, self.stack, _ACTS
        while True:
            if source.place >= len(source.window):
                source.take(0 if source.ensure(1) else 1)
            code = source.window[source.place]
            source.place += 1
            if code == _STOP:
                return stack.pop()
            act = acts.get(code)
            if act is None:
                self._refuse(code)
            else:
                act(self)
            if len(stack) > _WAITING:
                raise BenchError(f"{source.name} must be plain data, but {_WAITING} values in it wait for a list")

    def _refuse(self, code: int) -> None:
        if code in _CALLS:
            raise UnsafeFileError(
                f"{self.source.name} must be plain data, but it holds objects of classes ({_CALLS[code]}); refused"
            )
        raise BenchError(f"{self.source.name} must be a pickle, but no pickle has the instruction {code:#04x}")

    # Parts of instructions.

    def number(self, form: str) -> Any:
        """Return one number in `struct`'s form."""
        return struct.unpack(form, self.source.take(struct.calcsize(form)))[0]

    def piece(self, form: str) -> bytes:
        """Return bytes whose number comes before them."""
        n = self.number(form)
        if not 0 <= n <= _PIECE:
            raise BenchError(f"{self.source.name} must be plain data, but a text in it claims to have {n} bytes")
        return self.source.take(n)

    def mark(self) -> None:
        """Begin a list of items; long runs of numbers are read at once."""
        if len(self.marks) >= _OPEN:
            raise BenchError(f"{self.source.name} must be plain data, but {_OPEN} lists are open in it at once")
        self.marks.append((len(self.stack), self.memo.count))
        while read_run(self.source, self.memo, self.stack):
            pass

    def since_mark(self) -> list[Any]:
        """Return and remove what was pushed since the last mark."""
        start, _ = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def remember(self, index: int) -> None:
        """Put the top of the stack into the memo."""
        self.memo.put(index, self.stack[-1])

    def recall(self, index: int) -> None:
        """Push what the memo holds.

        Raises:
            BenchError: if it holds nothing there.
        """
        try:
            self.stack.append(self.memo.get(index))
        except KeyError:
            raise BenchError(
                f"{self.source.name} must be a pickle, but it refers back to value {index}, which is not there"
            ) from None

    def mention(self, module: object, name: object) -> None:
        """Push the stand-in of a class or function.

        Raises:
            UnsafeFileError: if it is not on the list.
        """
        text = f"{module}.{name}"
        build = self._allowed.get(text)
        if build is None:
            raise UnsafeFileError(
                f"{self.source.name} must be plain data, but it asks for {text[:120]!r}; refused, and nothing was run"
            )
        self.stack.append(Name(text, build))

    def reduce(self) -> None:
        """Build a value by one of the allowed names."""
        given = self.stack.pop()
        name = self.stack.pop()
        if not isinstance(name, Name) or not isinstance(given, tuple):
            raise UnsafeFileError(f"{self.source.name} must be plain data, but it calls a value; refused")
        self.stack.append(name.build(*given))

    def build(self) -> None:
        """Set the state of the value on top."""
        state = self.stack.pop()
        set_state(self.stack[-1], state)

    def look_up(self, id: Any) -> None:
        """Push the value of a persistent id.

        Raises:
            UnsafeFileError: if this kind of file has none.
        """
        if self._persistent is None:
            raise UnsafeFileError(f"{self.source.name} must be plain data, but it refers to something outside; refused")
        self.stack.append(self._persistent(id))

    def set_items(self, items: list[Any], memo_count: int) -> None:
        """Put keys and values into the dict on top."""
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise UnsafeFileError(f"{self.source.name} must be plain data, but it sets items of no dict; refused")
        keys = items[::2]
        self.require_plain(keys)
        target.update(zip(keys, items[1::2], strict=True))
        if self._each_dict is not None and self._each_dict(target):
            self.memo.forget_dicts(memo_count)

    def require_plain(self, keys: list[Any]) -> None:
        """Check keys of dicts and members of sets: hashing deeper ones could exhaust the interpreter's stack."""
        for key in keys:
            if type(key) in PLAIN_KEYS:
                continue
            if type(key) is not tuple or not all(type(part) in PLAIN_KEYS for part in key):
                raise BenchError(f"{self.source.name} must have plain keys, but one is a {type(key).__name__}")

    def append(self, items: list[Any]) -> None:
        """Put items at the end of the list on top."""
        target = self.stack[-1]
        if type(target) is not list:
            raise UnsafeFileError(f"{self.source.name} must be plain data, but it appends to no list; refused")
        target.extend(items)

    def add(self, items: list[Any]) -> None:
        """Put items into the set on top."""
        target = self.stack[-1]
        if type(target) is not set:
            raise UnsafeFileError(f"{self.source.name} must be plain data, but it adds to no set; refused")
        self.require_plain(items)
        target.update(items)


# The instructions, by code, in groups.


def _push(value: Any) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(value)


def _fixed(form: str) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(m.number(form))


def _text(form: str, encoding: str) -> Callable[[Machine], None]:
    errors = "surrogatepass" if encoding == "utf-8" else "strict"
    return lambda m: m.stack.append(m.piece(form).decode(encoding, errors))


def _bytes(form: str) -> Callable[[Machine], None]:
    return lambda m: m.stack.append(m.piece(form))


def _long(form: str) -> Callable[[Machine], None]:
    def act(m: Machine) -> None:
        n = m.number(form)
        if not 0 <= n <= _NUMBER:
            raise BenchError(f"{m.source.name} must be plain data, but a number in it claims to have {n} bytes")
        m.stack.append(int.from_bytes(m.source.take(n), "little", signed=True))

    return act


def _int_line(m: Machine) -> None:
    line = m.source.line().rstrip(b"L")
    m.stack.append(line == b"01" if line in (b"00", b"01") else int(line))


def _string_line(m: Machine) -> None:
    line = m.source.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"'\"" or b"\\" in line:
        raise BenchError(f"{m.source.name} must have plain texts, but one is {line[:40]!r}")
    m.stack.append(line[1:-1].decode("latin-1"))


def _tuple(n: int) -> Callable[[Machine], None]:
    def act(m: Machine) -> None:
        if len(m.stack) < n:
            raise IndexError("the stack is empty")
        items = tuple(m.stack[len(m.stack) - n :])
        del m.stack[len(m.stack) - n :]
        m.stack.append(items)

    return act


def _dict(m: Machine) -> None:
    count = m.marks[-1][1]
    items = m.since_mark()
    m.stack.append({})
    m.set_items(items, count)


def _set_items(m: Machine) -> None:
    count = m.marks[-1][1]
    m.set_items(m.since_mark(), count)


def _set_item(m: Machine) -> None:
    value, key = m.stack.pop(), m.stack.pop()
    m.set_items([key, value], m.memo.count)


def _frozen(m: Machine) -> None:
    items = m.since_mark()
    m.require_plain(items)
    m.stack.append(frozenset(items))


def _protocol(m: Machine) -> None:
    version = m.number("B")
    if version > _HIGHEST_PROTOCOL:
        raise BenchError(f"{m.source.name} must be a pickle of protocol 0 to 5, but it says {version}")


def _frame(m: Machine) -> None:
    m.source.take(8)  # a frame's length is advice for buffering, no more


def _pop(m: Machine) -> None:
    if m.marks and m.marks[-1][0] == len(m.stack):
        m.marks.pop()
    else:
        m.stack.pop()


def _pop_mark(m: Machine) -> None:
    m.since_mark()


def _global(m: Machine) -> None:
    module = m.source.line().decode("utf-8")
    m.mention(module, m.source.line().decode("utf-8"))


def _stack_global(m: Machine) -> None:
    name, module = m.stack.pop(), m.stack.pop()
    m.mention(module, name)


_STOP = ord(".")
_CALLS = {
    ord("i"): "INST",
    ord("o"): "OBJ",
    0x81: "NEWOBJ",
    0x82: "EXT1",
    0x83: "EXT2",
    0x84: "EXT4",
    0x92: "NEWOBJ_EX",
    0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
}
_ACTS: dict[int, Callable[[Machine], None]] = {
    0x80: _protocol,
    0x95: _frame,
    ord("("): Machine.mark,
    ord("0"): _pop,
    ord("1"): _pop_mark,
    ord("2"): lambda m: m.stack.append(m.stack[-1]),
    ord("N"): _push(None),
    0x88: _push(True),
    0x89: _push(False),
    ord("I"): _int_line,
    ord("L"): _int_line,
    ord("J"): _fixed("<i"),
    ord("K"): _fixed("B"),
    ord("M"): _fixed("<H"),
    0x8A: _long("B"),
    0x8B: _long("<i"),
    ord("F"): lambda m: m.stack.append(float(m.source.line())),
    ord("G"): _fixed(">d"),
    ord("S"): _string_line,
    ord("T"): _text("<i", "latin-1"),
    ord("U"): _text("B", "latin-1"),
    ord("B"): _bytes("<I"),
    ord("C"): _bytes("B"),
    0x8E: _bytes("<Q"),
    0x96: lambda m: m.stack.append(bytearray(m.piece("<Q"))),
    ord("V"): lambda m: m.stack.append(m.source.line().decode("raw-unicode-escape")),
    ord("X"): _text("<I", "utf-8"),
    0x8C: _text("B", "utf-8"),
    0x8D: _text("<Q", "utf-8"),
    ord(")"): lambda m: m.stack.append(()),
    ord("t"): lambda m: m.stack.append(tuple(m.since_mark())),
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    ord("]"): lambda m: m.stack.append([]),
    ord("l"): lambda m: m.stack.append(m.since_mark()),
    ord("a"): lambda m: m.append([m.stack.pop()]),
    ord("e"): lambda m: m.append(m.since_mark()),
    ord("}"): lambda m: m.stack.append({}),
    ord("d"): _dict,
    ord("s"): _set_item,
    ord("u"): _set_items,
    0x8F: lambda m: m.stack.append(set()),
    0x90: lambda m: m.add(m.since_mark()),
    0x91: _frozen,
    ord("g"): lambda m: m.recall(int(m.source.line())),
    ord("h"): lambda m: m.recall(m.number("B")),
    ord("j"): lambda m: m.recall(m.number("<I")),
    ord("p"): lambda m: m.remember(int(m.source.line())),
    ord("q"): lambda m: m.remember(m.number("B")),
    ord("r"): lambda m: m.remember(m.number("<I")),
    0x94: lambda m: m.remember(m.memo.count),
    ord("c"): _global,
    0x93: _stack_global,
    ord("R"): Machine.reduce,
    ord("b"): Machine.build,
    ord("P"): lambda m: m.look_up(m.source.line().decode("ascii")),
    ord("Q"): lambda m: m.look_up(m.stack.pop()),
}
