"""The two mappings that requests gives its callers: headers that ignore case, and the table behind `codes`.

A light module: `import entreat` loads it. Header semantics on the wire (joining, repetition, order) are not decided
here; `CaseInsensitiveDict` only remembers the last spelling and value of each name (RFC 9110, 5.1).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, MutableMapping

from ._lazy import types as _t

_GenericAlias = type(list[int])


class CaseInsensitiveDict(MutableMapping):
    """A mapping whose string keys are found in whatever case they are asked for.

    Iteration gives the keys in the case in which they were last set::

        headers = CaseInsensitiveDict()
        headers["Accept"] = "application/json"
        headers["aCCEPT"] == "application/json"  # True
        list(headers) == ["Accept"]  # True

    Behaviour is undefined when the constructor, `update` or a comparison are given two keys that differ in case only.
    """

    __class_getitem__ = classmethod(_GenericAlias)

    _store: OrderedDict[str, tuple[str, _t.Any]]

    def __init__(
        self, data: Mapping[str, _t.Any] | Iterable[tuple[str, _t.Any]] | None = None, **kwargs: _t.Any
    ) -> None:
        self._store = OrderedDict()
        self.update({} if data is None else data, **kwargs)

    def __setitem__(self, key: str, value: _t.Any) -> None:
        # The spelling is kept beside the value, under the folded name.
        self._store[key.lower()] = (key, value)

    def __getitem__(self, key: str) -> _t.Any:
        return self._store[key.lower()][1]

    def __delitem__(self, key: str) -> None:
        del self._store[key.lower()]

    def __iter__(self) -> Iterator[str]:
        return (spelling for spelling, _ in self._store.values())

    def __len__(self) -> int:
        return len(self._store)

    def lower_items(self) -> Iterator[tuple[str, _t.Any]]:
        """Like `items`, with every key in lower case."""
        return ((folded, pair[1]) for folded, pair in self._store.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return dict(self.lower_items()) == dict(CaseInsensitiveDict(other).lower_items())

    def copy(self) -> CaseInsensitiveDict:
        return CaseInsensitiveDict(self._store.values())

    def __repr__(self) -> str:
        return str(dict(self.items()))


class LookupDict(dict):
    """A table read by attribute or by key; an unknown key gives ``None``."""

    name: _t.Any

    def __init__(self, name: _t.Any = None) -> None:
        self.name = name
        super().__init__()

    def __repr__(self) -> str:
        return f"<lookup '{self.name}'>"

    def __getattr__(self, key: str) -> _t.Any:
        # Only reached for what is not an attribute; written out so that type checkers accept `codes.ok`.
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{key}'")

    def __getitem__(self, key: str) -> _t.Any:
        return self.__dict__.get(key)

    def get(self, key: str, default: _t.Any = None) -> _t.Any:
        return self.__dict__.get(key, default)
