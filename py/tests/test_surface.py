"""The drop-in has every name of requests 2.34.2, with the same signature, bases, class attributes and exceptions.

Needs the real `requests`, which only the test environment has; without it there is nothing to compare with. Whatever
differs on purpose stands in `INTENDED`, each with its reason.
"""

import importlib
import inspect
import types

import pytest

requests = pytest.importorskip("requests")
import entreat  # noqa: E402

if "entreat" in requests.__file__:
    pytest.skip("the alias is installed: there is no real requests to compare with", allow_module_level=True)

MODULES = [
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
]

#: Names that ours does not have, and why.
INTENDED = {
    "__init__.__version__": "entreat tells its own version; the alias tells that of requests",
    "packages.mod": "the variable of a loop that leaked",
    "packages.package": "the variable of a loop that leaked",
    "packages.target": "the variable of a loop that leaked",
    "packages.imported_mod": "the variable of a loop that leaked",
    "structures._D": "a type variable of requests' annotations",
    "structures._VT": "a type variable of requests' annotations",
    "utils._KT": "a type variable of requests' annotations",
    "utils._VT": "a type variable of requests' annotations",
    "cookies._CookieJarT": "a type variable of requests' annotations",
    "cookies._is_prepared": "tells type checkers something; does nothing at run time",
    "help.requests_version": "imported from elsewhere",
    "utils._null": "a constant of guess_json_utf",
    "utils._null2": "a constant of guess_json_utf",
    "utils._null3": "a constant of guess_json_utf",
}

#: What requests' modules import for their annotations only.
TYPING = {
    "typing",
    "cast",
    "overload",
    "annotations",
    "TYPE_CHECKING",
    "TypeAlias",
    "Generic",
    "TypeVar",
    "Any",
    "Final",
}
TYPING |= {"Literal", "Protocol", "runtime_checkable"}


def both(name):
    if name == "__init__":
        return requests, entreat
    return importlib.import_module(f"requests.{name}"), importlib.import_module(f"entreat.{name}")


def names_of(module):
    return {
        name
        for name, value in vars(module).items()
        if not (name.startswith("__") and name.endswith("__") and name not in ("__version__", "__build__", "__all__"))
        and name not in TYPING
        and not (isinstance(value, types.ModuleType) and value.__name__.split(".")[0] in ("collections", "importlib"))
    }


@pytest.mark.parametrize("name", ["__init__", *MODULES])
def test_every_name_of_every_module_is_there(name):
    real, ours = both(name)
    missing = {each for each in names_of(real) if not hasattr(ours, each)}
    assert sorted(missing - {key.split(".", 1)[1] for key in INTENDED if key.split(".")[0] == name}) == []


def is_constant(value):
    return isinstance(value, (str, bytes, int, float, tuple, list, frozenset, dict)) or value is None


@pytest.mark.parametrize("name", ["__init__", *MODULES])
def test_every_constant_has_the_same_value(name):
    real, ours = both(name)
    for each in names_of(real):
        value = getattr(real, each)
        if is_constant(value) and f"{name}.{each}" not in INTENDED and not isinstance(value, types.ModuleType):
            if each != "__all__" and not callable(value):
                assert repr(getattr(ours, each)) == repr(value), f"{name}.{each}"


def shape(function):
    """A function's parameters: names, kinds, defaults."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return None
    return [(parameter.name, parameter.kind, repr(parameter.default)) for parameter in signature.parameters.values()]


@pytest.mark.parametrize("name", ["__init__", *MODULES])
def test_every_function_has_the_same_signature(name):
    real, ours = both(name)
    for each in names_of(real):
        value = getattr(real, each)
        if f"{name}.{each}" in INTENDED:
            continue
        if isinstance(value, types.FunctionType) and value.__module__.startswith("requests"):
            assert shape(getattr(ours, each)) == shape(value), f"{name}.{each}"


def classes():
    return list(_classes())


def _classes():
    for name in MODULES:
        real = importlib.import_module(f"requests.{name}")
        for each, value in vars(real).items():
            if isinstance(value, type) and value.__module__ == real.__name__:
                yield pytest.param(name, each, id=f"{name}.{each}")


@pytest.mark.parametrize(("module", "name"), classes())
def test_every_class_has_the_same_bases_methods_and_attributes(module, name):
    real, ours = (getattr(each, name) for each in both(module))

    def bases(cls):
        return [
            base.__name__ for base in cls.__mro__ if base.__name__ not in ("Generic", "ResponseBase", "SessionBase")
        ]

    assert bases(ours) == bases(real)
    for attribute, value in vars(real).items():
        path = f"{module}.{name}.{attribute}"
        if path in INTENDED or attribute in ("__module__", "__doc__", "__dict__", "__weakref__", "__annotations__"):
            continue
        if attribute.startswith(
            ("_abc", "__static", "__firstline", "_is_", "__protocol", "__parameters", "__non_call", "__orig")
        ):
            continue
        assert hasattr(ours, attribute), path
        if callable(value) or isinstance(value, staticmethod):
            assert shape(getattr(ours, attribute)) == shape(getattr(real, attribute)), path
        elif isinstance(value, property):
            assert isinstance(inspect.getattr_static(ours, attribute), property), path
        elif is_constant(value):
            assert getattr(ours, attribute) == value, path


@pytest.mark.parametrize(("module", "name"), classes())
def test_every_class_annotates_the_same_attributes(module, name):
    real, ours = (getattr(each, name) for each in both(module))
    missing = set(vars(real).get("__annotations__", ())) - set(vars(ours).get("__annotations__", ()))
    assert missing == set()


@pytest.mark.parametrize("star", ["exceptions", "models", "sessions", "status_codes", "structures", "api", "utils"])
def test_a_star_import_brings_every_public_name(star):
    real, ours = {}, {}
    exec(f"from requests.{star} import *", real)
    exec(f"from entreat.{star} import *", ours)
    assert {name for name in real if name not in TYPING} - set(ours) == set()
