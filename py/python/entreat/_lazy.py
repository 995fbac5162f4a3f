"""Imports that wait until something needs them.

`import entreat` must cost next to nothing, while `requests` promises that names such as `sessions.merge_cookies` are
ordinary globals, which programs read, patch and replace. A light module therefore writes its heavy imports inside one
function and hands it to `Deferred`. The names appear in the module as soon as anybody asks for one of them, or when the
module's own code calls `_fill()`; from then on they are globals like any other. A value that a program has set in the
meantime is never overwritten.

Nothing here knows what is imported. `models`, `sessions`, `exceptions`, `_types` and the package itself use it.
"""

from __future__ import annotations

import sys


class Deferred:
    """The deferred imports of one module: call it to make sure that they are there."""

    def __init__(self, namespace: dict, imports) -> None:
        self._namespace = namespace
        self._imports = imports
        #: The names that `imports` will bind: the local variables of that function.
        self.names = imports.__code__.co_varnames
        #: Whether the names have been put in place.
        self.done = False
        self._listeners: list = []

    def __call__(self) -> None:
        if not self.done:
            self._bind()

    def _bind(self) -> None:
        values = self.__dict__.get("_values")
        if values is None:
            # A class made by `imports` must stay one class though two threads come here at once. A lock could deadlock
            # with the interpreter's import locks; so both may import, and the first result counts.
            values = self.__dict__.setdefault("_values", _import_whole(self._imports))
        for name, value in values.items():
            # setdefault, as a program may have put its own object there before us.
            self._namespace.setdefault(name, value)
        self.done = True
        for listener in self._listeners:
            listener()

    def when_bound(self, listener) -> None:
        """Call `listener` whenever the names have been put in place; at once if they are."""
        self._listeners.append(listener)
        if self.done:
            listener()

    def value(self, name: str):
        """What `imports` bound to a name, whatever a program has put in its place since."""
        return self._values[name]

    def lookup(self, name: str):
        """The module's `__getattr__`. It binds anew: `mock.patch` deletes a name that it did not find as a global."""
        if name not in self.names:
            raise AttributeError(f"module {self._namespace['__name__']!r} has no attribute {name!r}")
        self._bind()
        return self._namespace[name]

    def listing(self) -> list[str]:
        """The module's `__dir__`."""
        return sorted({*self._namespace, *self.names})


def _import_whole(imports):
    """Run imports; where Ctrl-C breaks into them, leave nothing behind that would be in the next attempt's way.

    The import system forgets a package that was not finished, yet keeps those of its modules that were: the package,
    imported again, would lack them as attributes.
    """
    before = set(sys.modules)
    try:
        return imports()
    except BaseException:
        # In this order a package comes before its modules.
        for name in sorted(sys.modules.keys() - before):
            package = name.rpartition(".")[0]
            if package and package not in sys.modules:
                sys.modules.pop(name, None)
        raise


class LazyModule:
    """Stands for a module until an attribute of it is read."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str):
        __import__(self._name)
        return getattr(sys.modules[self._name], attribute)


# `typing`'s constant of that name, for type checkers, which know any.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import _types

    types = _types
else:
    #: What annotations refer to as `_t`: `typing` is not imported before somebody evaluates one.
    types = LazyModule(f"{__package__}._types")
