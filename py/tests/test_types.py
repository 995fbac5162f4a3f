"""`_types.pyi` tells type checkers what `_types.py` makes: the same names, and for each alias the same words."""

import ast
import pathlib

from entreat import _types

SOURCE = pathlib.Path(_types.__file__)
STUB = ast.parse(SOURCE.with_suffix(".pyi").read_text())


def aliases(node):
    """What each name that is given a value, or made by a class, means."""
    found = {}
    for each in ast.walk(node):
        if isinstance(each, ast.AnnAssign) and ast.unparse(each.annotation) == "TypeAlias":
            found[each.target.id] = ast.unparse(each.value)
        elif isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            found[each.targets[0].id] = ast.unparse(each.value).replace("'", "")
    return {name: value for name, value in found.items() if name[0].isupper() and not name.endswith("Kwargs")}


def test_each_alias_says_the_same():
    made, told = aliases(ast.parse(SOURCE.read_text())), aliases(STUB)
    # There is no other way to write these before Python 3.12.
    differing = {"Self", "Unpack"}
    assert {name: value for name, value in made.items() if name not in differing} == told


def test_each_dictionary_of_keywords_has_the_same_keys():
    classes = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}
    for name in ("BaseRequestKwargs", "RequestKwargs", "GetKwargs", "PostKwargs", "DataKwargs"):
        keys = {part.target.id for part in classes[name].body}
        inherited = {part.target.id for part in classes["BaseRequestKwargs"].body}
        assert keys | inherited == set(getattr(_types, name).__annotations__)


def test_whatever_annotations_refer_to_is_there():
    told = {alias.asname for node in STUB.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    told |= set(aliases(STUB)) | {node.name for node in STUB.body if hasattr(node, "name")}
    used = set()
    for module in SOURCE.parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "_t":
                used.add(node.attr)
    assert used <= told and all(hasattr(_types, name) for name in used)
