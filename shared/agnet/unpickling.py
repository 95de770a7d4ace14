"""A pickle machine of our own, for pickles of strangers, and for those that are too large to be held.

It reads protocols 2 to 5 as :class:`pickle.Unpickler` does, looks no name up but those it is given stand-ins for, and
takes no more memory than the file has bytes for: Python's own makes room for as many objects as a few bytes say there
will be, and a deep tuple as a key ends the process. Containers that are referred to again are counted
again: nothing is larger than it looks. Each dict is shown to ``filled`` as soon as its items are in it, so
that it can be used and emptied long before the end, and :meth:`Machine.forget` lets go of what the pickle could refer
back to: a pickle of 20 GB of objects can so be read in a few megabytes.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from struct import Struct, error
from typing import Any, Protocol

ERRORS = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    OverflowError,
    MemoryError,
    RecursionError,
    NotImplementedError,
    AssertionError,
    error,
)
"""What a damaged pickle can raise."""
_CHUNK = 1 << 20
_LONGEST = 16  # bytes of an operation without the text in it
_GENERATIONS = 8
_DOUBLE, _INT, _UINT, _USHORT, _ULONG = Struct(">d"), Struct("<i"), Struct("<I"), Struct("<H"), Struct("<Q")
_MARK = object()
_ATOMS = frozenset({str, int, float, bool, bytes, type(None)})
_DEEPEST_KEY, _LARGEST_KEY = 4, 10_000
_CONTAINERS = (list, tuple, dict, set, frozenset)
_MOST_SHARED = 1_000_000
"""Values in containers that are referred to again, each time counted anew. Lists that hold a list twice that holds a
list twice and so on have in a few bytes more values than anyone could look at."""


def keys(values: Iterable[Any]) -> Iterable[Any]:
    """``values``, if they may be keys of a dict or members of a set: values without parts, and small tuples of such.

    No benchmark's file has others. To hash a tuple of a few bytes that holds itself many times over takes for ever, and
    to hash a deep one more of the stack than there is.

    Raises:
        UnpicklingError: if they may not.
    """
    for value in values:
        if type(value) not in _ATOMS:
            _measure(value, _DEEPEST_KEY, _LARGEST_KEY)
    return values


def _measure(value: Any, depth: int, left: int) -> int:
    """How much of ``left`` parts remains after those of ``value``."""
    if type(value) in _ATOMS:
        return left - 1
    if type(value) is not tuple or not depth or left <= 0:
        raise pickle.UnpicklingError(f"it has a key that is a {type(value).__name__}, or too large")
    for part in value:
        left = _measure(part, depth - 1, left)
    return left


def stand_in(classes: Mapping[str, Callable[..., Any]], module: str, name: str) -> Callable[..., Any]:
    """What stands in for a global; any that is not in ``classes`` is refused."""
    try:
        return classes[f"{module}.{name}"]
    except KeyError:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not plain data") from None


class Readable(Protocol):
    """What pickles are read from."""

    def read(self, size: int, /) -> bytes:
        """The next ``size`` bytes, fewer only at the end."""


class Machine:
    """Reads one pickle after the other from a file."""

    def __init__(
        self,
        file: Readable,
        classes: Mapping[str, Callable[..., Any]],
        *,
        filled: Callable[[dict[Any, Any]], None] | None = None,
        built: Callable[[Any], Any] | None = None,
        persistent: Callable[[Any], Any] | None = None,
        strings: str = "ascii",
    ) -> None:
        """A machine at the beginning of ``file``.

        Args:
            file: what is read.
            classes: stand-ins by full name, see :func:`agnet.pickles.load`.
            filled: called with each dict after items were put into it; may empty it.
            built: called with each object after its state was set; what it returns takes the object's place.
            persistent: gives what stands for a persistent id.
            strings: encoding of Python 2's strings; latin1 where arrays are kept in them.
        """
        self._file = file
        self._strings = strings
        self._classes = classes
        self._callable = list(classes.values())
        self._filled, self._built, self._persistent = filled, built, persistent
        self._data, self._at = b"", 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._memoised = 0
        self._kept: dict[int, Any] | None = None
        self._recent: deque[dict[int, Any]] = deque(maxlen=_GENERATIONS)
        self._shared: dict[int, Any] = {}
        """Containers that were referred to again, by identity: they stay as they are."""
        self._totals: dict[int, int] = {}
        """How much is in some of them, and in all that they hold."""
        self._unshared = _MOST_SHARED

    def read(self, count: int) -> bytes:
        """The next bytes of the file.

        Raises:
            EOFError: if there are fewer.
        """
        self._fill(count)
        data = self._data[self._at : self._at + count]
        if len(data) < count:
            raise EOFError("the file ends inside it")
        self._at += count
        return data

    def forget(self) -> None:
        """Let go of what was read so far.

        What was there at the first call, what came after the last calls but few, and what was referred to from later on
        can still be referred to.
        """
        if self._kept is None:
            self._kept = self._memo
        else:
            self._recent.append(self._memo)
        self._memo = {}
        self._shared, self._totals, self._unshared = {}, {}, _MOST_SHARED

    def load(self) -> Any:  # noqa: PLR0912, PLR0915 - one loop for the frequent operations: calls would triple the time
        """The next object.

        Raises:
            pickle.UnpicklingError, EOFError, ValueError, TypeError, ...: see :data:`ERRORS`.
        """
        self._memo, self._memoised, self._kept = {}, 0, None
        self._recent.clear()
        self._shared, self._totals, self._unshared = {}, {}, _MOST_SHARED
        stack: list[Any] = []
        self._stack = stack
        append, pop = stack.append, stack.pop
        while True:
            if len(self._data) - self._at < _LONGEST:
                self._fill(_LONGEST)
                if self._at >= len(self._data):
                    raise EOFError("the file ends inside it")
            data, at = self._data, self._at
            code = data[at]
            at += 1
            if code == 0x47:  # G BINFLOAT
                append(_DOUBLE.unpack_from(data, at)[0])
                self._at = at + 8
            elif code == 0x72:  # r LONG_BINPUT
                self._memo[_UINT.unpack_from(data, at)[0]] = stack[-1]
                self._at = at + 4
            elif code == 0x58:  # X BINUNICODE
                (length,) = _UINT.unpack_from(data, at)
                at += 4
                if at + length <= len(data):
                    append(data[at : at + length].decode("utf-8", "surrogatepass"))
                    self._at = at + length
                else:
                    self._at = at
                    append(self.read(length).decode("utf-8", "surrogatepass"))
            elif code == 0x71:  # q BINPUT
                self._memo[data[at]] = stack[-1]
                self._at = at + 1
            elif code == 0x4B:  # K BININT1
                append(data[at])
                self._at = at + 1
            elif code == 0x94:  # MEMOIZE
                self._memo[self._memoised] = stack[-1]
                self._memoised += 1
                self._at = at
            elif code == 0x8C:  # SHORT_BINUNICODE
                self._at = at + 1
                append(self.read(data[at]).decode("utf-8", "surrogatepass"))
            elif code == 0x4D:  # M BININT2
                append(_USHORT.unpack_from(data, at)[0])
                self._at = at + 2
            elif code == 0x6A:  # j LONG_BINGET
                append(self._remembered(_UINT.unpack_from(data, at)[0]))
                self._at = at + 4
            elif code == 0x68:  # h BINGET
                append(self._remembered(data[at]))
                self._at = at + 1
            elif code == 0x28:  # ( MARK
                append(_MARK)
                self._at = at
            elif code == 0x75:  # u SETITEMS
                self._at = at
                items = self._marked()
                container = stack[-1]
                if not isinstance(container, dict):
                    raise pickle.UnpicklingError("items of something that is no dict")
                self._check_alone(container)
                container.update(zip(keys(items[::2]), items[1::2], strict=True))
                if self._filled:
                    self._filled(container)
            elif code == 0x2E:  # . STOP
                self._at = at
                result = pop()
                self._memo, self._kept, self._shared, self._totals = {}, None, {}, {}
                self._recent.clear()
                return result
            else:
                self._at = at
                try:
                    operation = _OPERATIONS[code]
                except KeyError:
                    raise pickle.UnpicklingError(f"the byte {code:#04x} is none that a pickle of data has") from None
                operation(self)

    def _fill(self, count: int) -> None:
        """Have ``count`` bytes at hand, or all that there are."""
        missing = count - (len(self._data) - self._at)
        if missing > 0:
            parts = [self._data[self._at :]]
            while missing > 0 and (part := self._file.read(min(max(missing, _CHUNK), 64 * _CHUNK))):
                parts.append(part)
                missing -= len(part)
            self._data, self._at = b"".join(parts), 0

    def _remembered(self, index: int) -> Any:
        value = self._at_index(index)
        if isinstance(value, _CONTAINERS):
            self._share(value)
        return value

    def _share(self, value: Any) -> None:
        """Count what is in a container that is referred to again, and in all that it holds."""
        total, waiting = 0, [value]
        while waiting:
            container = waiting.pop()
            if id(container) in self._totals:  # it changes no more
                total += self._totals[id(container)]
                continue
            self._shared[id(container)] = container
            total += len(container) + 1
            parts = container.values() if isinstance(container, dict) else container
            waiting.extend(part for part in parts if isinstance(part, _CONTAINERS))
        self._totals[id(value)] = total
        self._unshared -= total
        if self._unshared < 0:
            raise pickle.UnpicklingError("it refers to so much again and again that nobody could look at all of it")

    def _check_alone(self, container: Any) -> None:
        """Containers that may be in many places, or in themselves, change no more."""
        if self._shared and id(container) in self._shared:
            raise pickle.UnpicklingError("it changes something that it has referred to before")

    def _at_index(self, index: int) -> Any:
        if index in self._memo:
            return self._memo[index]
        kept = self._kept or {}
        if index in kept:
            return kept[index]
        for memo in self._recent:
            if index in memo:  # what is shared once may well be shared again
                return kept.setdefault(index, memo[index])
        raise pickle.UnpicklingError(f"it refers to object {index}, which is too far back or was never there")

    def _marked(self) -> list[Any]:
        """What is above the last mark, taken off the stack with it."""
        stack = self._stack
        for place in range(len(stack) - 1, -1, -1):
            if stack[place] is _MARK:
                items = stack[place + 1 :]
                del stack[place:]
                return items
        raise pickle.UnpicklingError("a mark is missing")

    def _check(self, function: Any) -> Any:
        """Only stand-ins are ever called."""
        if not any(function is known for known in self._callable):
            raise pickle.UnpicklingError("it calls something that is not a class")
        return function

    def _global(self) -> None:
        if self._data[self._at - 1] == 0x63:  # c GLOBAL, two lines
            module, name = self._line(), self._line()
        else:
            name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(stand_in(self._classes, module, name))

    def _line(self) -> str:
        self._fill(1024)
        end = self._data.find(b"\n", self._at, self._at + 1024)
        if end < 0:
            raise pickle.UnpicklingError("a name without an end")
        line = self._data[self._at : end].decode("utf-8")
        self._at = end + 1
        return line

    def _reduce(self) -> None:
        arguments = self._stack.pop()
        self._stack[-1] = self._check(self._stack[-1])(*arguments)

    def _new(self, keywords: bool) -> None:
        named = self._stack.pop() if keywords else {}
        arguments = self._stack.pop()
        cls = self._check(self._stack[-1])
        if not isinstance(cls, type):
            raise pickle.UnpicklingError("it makes an object of something that is not a class")
        self._stack[-1] = cls.__new__(cls, *arguments, **named)

    def _build(self) -> None:
        state = self._stack.pop()
        target = self._stack[-1]
        if hasattr(target, "__setstate__"):
            target.__setstate__(state)
        elif any(type(target) is known for known in self._callable) and isinstance(state, dict):
            vars(target).update(state)
        else:
            raise pickle.UnpicklingError("it changes something that is not an object")
        if self._built:
            self._stack[-1] = self._built(target)

    def _item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        container = self._stack[-1]
        if not isinstance(container, dict):
            raise pickle.UnpicklingError("an item of something that is no dict")
        self._check_alone(container)
        keys([key])
        container[key] = value
        if self._filled:
            self._filled(container)

    def _append(self, items: list[Any]) -> None:
        if not isinstance(self._stack[-1], list):
            raise pickle.UnpicklingError("items of something that is no list")
        self._check_alone(self._stack[-1])
        self._stack[-1].extend(items)

    def _add(self) -> None:
        items = self._marked()
        if not isinstance(self._stack[-1], set):
            raise pickle.UnpicklingError("items of something that is no set")
        self._check_alone(self._stack[-1])
        self._stack[-1].update(keys(items))

    def _last(self, count: int) -> tuple[Any, ...]:
        if len(self._stack) < count:
            raise pickle.UnpicklingError("a tuple without items")
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        return items

    def _persistent_id(self) -> None:
        if not self._persistent:
            raise pickle.UnpicklingError("it refers to something outside")
        self._stack[-1] = self._persistent(self._stack[-1])

    def _number(self, layout: Struct) -> int:
        value: int = layout.unpack(self.read(layout.size))[0]
        return value

    def _text(self, layout: Struct) -> str:
        return self.read(self._number(layout)).decode("utf-8", "surrogatepass")

    def _skip(self, count: int) -> None:
        self.read(count)

    def _push(self, value: Any) -> None:
        self._stack.append(value)


_BYTE = Struct("<B")
_OPERATIONS: dict[int, Callable[[Machine], None]] = {
    ord("N"): lambda m: m._push(None),
    0x88: lambda m: m._push(True),
    0x89: lambda m: m._push(False),
    ord("J"): lambda m: m._push(m._number(_INT)),
    0x8A: lambda m: m._push(int.from_bytes(m.read(m._number(_BYTE)), "little", signed=True)),
    0x8B: lambda m: m._push(int.from_bytes(m.read(m._number(_UINT)), "little", signed=True)),
    0x8D: lambda m: m._push(m._text(_ULONG)),
    ord("U"): lambda m: m._push(m.read(m._number(_BYTE)).decode(m._strings)),  # Python 2's strings
    ord("T"): lambda m: m._push(m.read(m._number(_UINT)).decode(m._strings)),
    ord("B"): lambda m: m._push(m.read(m._number(_UINT))),
    ord("C"): lambda m: m._push(m.read(m._number(_BYTE))),
    0x8E: lambda m: m._push(m.read(m._number(_ULONG))),
    0x96: lambda m: m._push(bytearray(m.read(m._number(_ULONG)))),
    ord("}"): lambda m: m._push({}),
    ord("]"): lambda m: m._push([]),
    ord(")"): lambda m: m._push(()),
    0x8F: lambda m: m._push(set()),
    0x91: lambda m: m._push(frozenset(keys(m._marked()))),
    0x90: lambda m: m._add(),
    ord("t"): lambda m: m._push(tuple(m._marked())),
    0x85: lambda m: m._push(m._last(1)),
    0x86: lambda m: m._push(m._last(2)),
    0x87: lambda m: m._push(m._last(3)),
    ord("a"): lambda m: m._append([m._stack.pop()]),
    ord("e"): lambda m: m._append(m._marked()),
    ord("s"): lambda m: m._item(),
    ord("c"): lambda m: m._global(),
    0x93: lambda m: m._global(),
    ord("R"): lambda m: m._reduce(),
    0x81: lambda m: m._new(False),
    0x92: lambda m: m._new(True),
    ord("b"): lambda m: m._build(),
    ord("Q"): lambda m: m._persistent_id(),
    ord("0"): lambda m: m._stack.pop(),
    0x80: lambda m: m._skip(1),
    0x95: lambda m: m._skip(8),
}
