"""`aio.pyi` says what is there: every public name, and no other."""

import ast
import pathlib

import entreat.aio
import pytest
from test_client_annotations import CLASSES as OF_CLIENT

STUB = pathlib.Path(entreat.aio.__file__).with_suffix(".pyi")
BODY = ast.parse(STUB.read_text()).body
CLASSES = {node.name: node for node in BODY if isinstance(node, ast.ClassDef)}


def names(node):
    """The methods and attributes of a class in a stub that are public."""
    return {each.name for each in node.body if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")}


def there(value):
    return {each for each in dir(value) if not each.startswith("_")}


def test_every_public_name_is_annotated():
    functions = {node.name for node in BODY if isinstance(node, ast.FunctionDef)}
    imported = {each.asname for node in BODY if isinstance(node, ast.ImportFrom) for each in node.names if each.asname}
    public = {name for name in {*functions, *imported, *CLASSES} if not name.startswith("_")}
    assert public == set(entreat.aio.__all__)


def test_every_method_and_attribute_is_annotated_and_there():
    assert names(CLASSES["Client"]) == there(entreat.aio.Client)
    assert names(CLASSES["Response"]) | names(OF_CLIENT["Response"]) == there(entreat.aio.Response)


def test_the_client_is_made_of_what_the_sync_one_is_made_of():
    def knobs(node):
        new = next(each for each in node.body if getattr(each, "name", "") == "__new__")
        return [argument.arg for argument in new.args.kwonlyargs]

    assert knobs(CLASSES["Client"]) == knobs(OF_CLIENT["Client"])


@pytest.mark.parametrize("name", ["_Message", "_Hooks"])
def test_a_call_takes_what_a_sync_one_takes(name):
    def keys(node):
        return [each.target.id for each in node.body if isinstance(each, ast.AnnAssign)]

    assert keys(CLASSES[name]) == keys(OF_CLIENT[name])


def test_the_defaults_of_limits_are_those_that_count():
    parts = [node for node in CLASSES["Limits"].body if isinstance(node, ast.AnnAssign)]
    assert {part.target.id: ast.literal_eval(part.value) for part in parts} == entreat.aio.Limits._field_defaults
    assert entreat.aio.Limits._fields == entreat.client.Limits._fields
