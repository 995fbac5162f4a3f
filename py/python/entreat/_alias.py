"""The alias: `install()` makes `import requests`, and every `requests.X`, mean this package for the running process.

Nothing is written to disk and no other process sees it. `requests` is a module object of its own, because it says
another version than `entreat` does, but it has no names of its own beyond that: reading, setting and deleting an
attribute goes to the package, so that `mock.patch("requests.get")` and `requests.Session = CachedSession` take effect.
The submodules are the very same objects under both names.

If the real requests was imported before, its module objects are turned into windows onto ours. That helps whoever holds
the modules; whoever holds its classes, functions or instances would go on with them beside ours, and `except
requests.ConnectionError` would miss half of the errors. Then `install()` refuses, and says who it is.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import MutableMapping
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import FunctionType, ModuleType

_PACKAGE = __package__

#: What `requests` says of itself. (`from . import __version__` would give the package's own version, a string.)
_face = sys.modules[f"{_PACKAGE}.__version__"]

#: The modules of requests 2.34.2. Only these can be imported as `requests.X`.
_MODULES = (
    "__version__",
    "_internal_utils",
    "_types",
    "adapters",
    "api",
    "auth",
    "certs",
    "compat",
    "cookies",
    "exceptions",
    "help",
    "hooks",
    "models",
    "packages",
    "sessions",
    "status_codes",
    "structures",
    "utils",
)


def install() -> ModuleType:
    """Let `import requests` mean this package, and return it under that name.

    :raises RuntimeError: if the real requests has been imported, and something holds on to what is in it.
    """
    present = sys.modules.get("requests")
    if present is not None and not _is_ours(present):
        _refuse_to_split()
        _take_over()
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    import requests

    for name in _MODULES:
        module = sys.modules.get(f"{_PACKAGE}.{name}")
        if module is not None:
            _enter(name, module)
    return requests


def uninstall() -> None:
    """Let `import requests` mean again what is installed under that name. What has been imported is not undone."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [name for name in sys.modules if name == "requests" or name.startswith("requests.")]:
        del sys.modules[name]
    for name in _MODULES:
        module = sys.modules.get(f"{_PACKAGE}.{name}")
        if module is not None:
            _present(module, _PACKAGE)


def _is_ours(module: ModuleType) -> bool:
    return isinstance(module, _Window)


class _Window(ModuleType):
    """A module that shows another one's attributes, but for the few that it has itself."""

    def __getattr__(self, name: str):
        return getattr(_own(self)["__target__"], name)

    def __setattr__(self, name: str, value) -> None:
        if name in _own(self) or name in _IDENTITY:
            super().__setattr__(name, value)
        else:
            setattr(_own(self)["__target__"], name, value)

    def __delattr__(self, name: str) -> None:
        if name in _own(self):
            super().__delattr__(name)
        else:
            delattr(_own(self)["__target__"], name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(_own(self)["__target__"]), *_own(self)} - {"__target__"})

    @property
    def __dict__(self) -> dict:
        return _WindowDict(self)


class _WindowDict(dict):
    """What such a module's `__dict__` is: programs look names up in it, and some assign to it. That goes through."""

    def __init__(self, module: _Window) -> None:
        shown = {**vars(_own(module)["__target__"]), **_own(module)}
        del shown["__target__"]
        super().__init__(shown)
        self._module = module

    def __setitem__(self, name: str, value) -> None:
        setattr(self._module, name, value)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        delattr(self._module, name)

    # The mapping's versions, which do it by the two above.
    update = MutableMapping.update
    pop = MutableMapping.pop
    popitem = MutableMapping.popitem
    setdefault = MutableMapping.setdefault
    clear = MutableMapping.clear


# The dictionary of a module object itself, behind the property of that name.
_own = ModuleType.__dict__["__dict__"].__get__

# What the import system sets on every module.
_IDENTITY = frozenset(("__name__", "__package__", "__spec__", "__loader__", "__path__", "__file__", "__cached__"))


def _dress(module: ModuleType, target: ModuleType, **own) -> None:
    """Make a module object a window onto `target`."""
    contents = _own(module)
    name = contents["__name__"]
    contents.clear()
    contents.update(__name__=name, __target__=target, **own)
    module.__class__ = _Window


class _Finder:
    """Finds `requests` and its modules: the first of `sys.meta_path` while the alias is installed."""

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        if name == "requests":
            return ModuleSpec(name, _Loader(), origin=sys.modules[_PACKAGE].__file__, is_package=True)
        if name.startswith("requests."):
            if self._counterpart(name) is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return ModuleSpec(name, _SubmoduleLoader(self._counterpart(name)))
        if name.startswith(f"{_PACKAGE}."):
            return self._presenting(name, path)
        return None

    @staticmethod
    def _counterpart(name: str) -> str | None:
        """The module that is meant by `requests.X`."""
        inner = name.removeprefix("requests.")
        if inner in _MODULES:
            return f"{_PACKAGE}.{inner}"
        if inner.startswith("packages."):
            inner = inner.removeprefix("packages.")
            package, dot, rest = inner.partition(".")
            if package == "chardet":
                from ._detection import chardet

                return None if chardet is None else chardet.__name__ + dot + rest
            if package in ("urllib3", "idna", "charset_normalizer"):
                return inner
        return None

    @staticmethod
    def _presenting(name: str, path) -> ModuleSpec | None:
        """One of our own modules, imported while the alias is installed: its classes are to say `requests` too."""
        if name.rpartition(".")[2] not in _MODULES:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _PresentingLoader(spec.loader.name, spec.loader.path)
        return spec


class _Loader:
    """Makes the module `requests`."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        package = sys.modules[_PACKAGE]
        spec = module.__spec__
        own = {name: getattr(_face, name) for name in dir(_face) if name.startswith("__") and name not in _LEFT_OUT}
        own.update(
            __package__="requests",
            __spec__=spec,
            __loader__=spec.loader,
            __path__=list(package.__path__),
            __file__=package.__file__,
        )
        _dress(module, package, **own)


# Of the module `__version__`, what it says of itself.
_LEFT_OUT = _IDENTITY | {"__builtins__", "__doc__"}


class _SubmoduleLoader:
    """Gives an existing module under a second name."""

    def __init__(self, counterpart: str) -> None:
        self._counterpart = counterpart
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        __import__(self._counterpart)
        module = sys.modules[self._counterpart]
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just entered the second name's; the module's relative imports need its own.
        module.__spec__ = self._spec


class _PresentingLoader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _enter(self.name.rpartition(".")[2], module)


def _enter(name: str, module: ModuleType) -> None:
    """Make one of our modules known as `requests.NAME`."""
    sys.modules[f"requests.{name}"] = module
    _present(module, "requests")
    if name == "packages":
        module.adopt("requests.packages")


def _present(module: ModuleType, package: str) -> None:
    """Let a module's classes and functions say that they come from `package`: in pickles, tracebacks and reports."""
    inner = module.__name__.removeprefix(f"{_PACKAGE}.")
    for value in list(vars(module).values()):
        if isinstance(value, (type, FunctionType)) and value.__module__ in (
            f"{_PACKAGE}.{inner}",
            f"requests.{inner}",
        ):
            value.__module__ = f"{package}.{inner}"


def _real_modules() -> dict[str, ModuleType]:
    names = ["requests", *(f"requests.{name}" for name in _MODULES)]
    return {name: sys.modules[name] for name in names if name in sys.modules}


def _take_over() -> None:
    """Turn the real package's module objects into windows onto ours, for those who hold them."""
    for name, module in _real_modules().items():
        del sys.modules[name]
        ours = _PACKAGE + name.removeprefix("requests")
        if name == "requests":
            _dress(module, sys.modules[ours], **{key: getattr(_face, key) for key in ("__version__", "__build__")})
        else:
            __import__(ours)
            _dress(module, sys.modules[ours])


def _refuse_to_split() -> None:
    holders = sorted({*_holders_among_modules(), *_subclasses_elsewhere(), *_instances()})
    if holders:
        shown = ", ".join(holders[:5]) + (", ..." if len(holders) > 5 else "")
        raise RuntimeError(
            "entreat.install() came too late: the real requests has been imported, and its classes or functions are "
            f"in use by {shown}. A program with two sets of classes would miss exceptions: call install() before these "
            "are imported (or run the program by `python -m entreat.run`)."
        )


def _is_real(module_name) -> bool:
    return isinstance(module_name, str) and (module_name == "requests" or module_name.startswith("requests."))


def _holders_among_modules():
    for module_name, module in list(sys.modules.items()):
        # `type`, not `isinstance`: some packages enter other objects, which claim to be modules.
        if _is_real(module_name) or not issubclass(type(module), ModuleType):
            continue
        for name, value in list(_own(module).items()):
            if isinstance(value, (type, FunctionType)) and _is_real(value.__module__):
                yield f"{module_name}.{name}"


def _base_classes():
    real = _real_modules()
    for module, names in (
        ("sessions", ("Session", "SessionRedirectMixin")),
        ("adapters", ("BaseAdapter",)),
        ("auth", ("AuthBase",)),
        ("models", ("Request", "PreparedRequest", "Response")),
        ("exceptions", ("RequestException",)),
        ("cookies", ("RequestsCookieJar",)),
    ):
        for name in names:
            found = getattr(real.get(f"requests.{module}"), name, None)
            if isinstance(found, type):
                yield found


def _subclasses_elsewhere():
    waiting = list(_base_classes())
    while waiting:
        for subclass in waiting.pop().__subclasses__():
            waiting.append(subclass)
            if not _is_real(subclass.__module__):
                yield f"{subclass.__module__}.{subclass.__qualname__}"


def _instances():
    classes = tuple(_base_classes())
    for value in gc.get_objects():
        # Again `type`: `isinstance` may run code of objects that we know nothing about.
        if issubclass(type(value), classes):
            yield f"an instance of {type(value).__qualname__}"


_finder = _Finder()
