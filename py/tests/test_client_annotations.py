"""`client.pyi` says what is there: every public name of every class, and no other."""

import ast
import inspect
import pathlib

import entreat.client
import pytest

STUB = pathlib.Path(entreat.client.__file__).with_suffix(".pyi")
CLASSES = {node.name: node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ClassDef)}

#: What the base classes in the stub bring.
INHERITED = {"Headers": {"get", "keys", "values", "items"}}


def test_every_public_class_is_annotated():
    assert set(entreat.client.__all__) <= set(CLASSES)
    assert STUB.with_name("py.typed").exists()


@pytest.mark.parametrize("name", ["Auth", "Client", "Cookies", "Headers", "Request", "Response"])
def test_every_method_and_attribute_is_annotated_and_there(name):
    annotated = {node.name for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}
    there = {each for each in dir(getattr(entreat.client, name)) if not each.startswith("_")}
    assert {each for each in annotated if not each.startswith("_")} == there - INHERITED.get(name, set())


@pytest.mark.parametrize("name", ["Downloaded", "Limits", "PoolStats", "Redirecting", "Retry", "Retrying", "Timings"])
def test_the_parts_of_values_are_annotated_in_their_order(name):
    parts = [node for node in CLASSES[name].body if isinstance(node, ast.AnnAssign)]
    value = getattr(entreat.client, name)
    assert tuple(part.target.id for part in parts) == value._fields
    defaults = {part.target.id: ast.unparse(part.value) for part in parts if part.value is not None}
    assert set(defaults) == set(value._field_defaults)
    for each, default in defaults.items():
        assert default in ("...", repr(value._field_defaults[each]))


def test_the_knobs_of_a_client_are_those_of_its_signature():
    new = next(node for node in CLASSES["Client"].body if getattr(node, "name", "") == "__new__")
    for knob in (argument.arg for argument in new.args.kwonlyargs):
        default = {
            "cookies": True,
            "verify": True,
            "follow_redirects": True,
            "max_redirects": 20,
            "trust_env": True,
            "hsts": True,
        }
        default |= {"timeout": 1, "retries": 0, "guard_allow": ["127.0.0.1"]}
        extra = {"guard": "public"} if knob == "guard_allow" else {}
        entreat.Client(**{knob: default.get(knob), **extra})


def test_what_a_call_takes_is_known():
    keywords = {
        node.target.id
        for name in ("_Knobs", "_Message")
        for node in CLASSES[name].body
        if isinstance(node, ast.AnnAssign)
    }
    given = {"follow_redirects": True, "max_redirects": 1, "verify": True, "guard_allow": ["127.0.0.1"], "retries": 0}
    for keyword in keywords:
        extra = {"guard": "public"} if keyword == "guard_allow" else {}
        request = entreat.client.Request("GET", "http://example.org/", **{keyword: given.get(keyword), **extra})
        assert inspect.isclass(type(request))
