"""One GET with a redirect: which functions it calls, and which wrappers put around them are called.

    python program.py record OUTPUT           the functions that are called, of requests and what lies below it
    python program.py wrap NAMES OUTPUT       for each of NAMES, whether a wrapper around it is called

`run_wrappers.py` runs the first with the real requests, the second with the real one and with ours.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "differential"))

import requests
from origin import Origin, answer

WATCHED = ("requests", "urllib3", "http.client", "socket", "_socket", "ssl", "time")


def fetch(url: str) -> None:
    requests.get(url)
    with requests.Session() as session:
        session.get(url)


def record(url: str) -> list[str]:
    names = set()

    def notice(frame, event, argument) -> None:
        if event == "call":
            code = frame.f_code
            # Before Python 3.11 a code object does not know its qualified name.
            names.add((frame.f_globals.get("__name__", ""), getattr(code, "co_qualname", code.co_name)))
        elif event == "c_call":
            owner = getattr(argument, "__self__", None)
            module = getattr(argument, "__module__", None) or getattr(type(owner), "__module__", "")
            names.add((module, getattr(argument, "__qualname__", "")))

    sys.setprofile(notice)
    try:
        fetch(url)
    finally:
        sys.setprofile(None)
    return sorted(f"{module}:{name}" for module, name in names if is_watched(module) and "<" not in name)


def is_watched(module: str) -> bool:
    return any(module == each or module.startswith(each + ".") for each in WATCHED)


def wrap(name: str, url: str) -> str:
    """Whether the wrapper was called: "called", "not called", or why it could not be put there."""
    module_name, _, path = name.partition(":")
    owner = importlib.import_module(module_name)
    *parents, last = path.split(".")
    try:
        for each in parents:
            owner = getattr(owner, each)
        genuine = owner.__dict__[last] if isinstance(owner, type) else getattr(owner, last)
    except (AttributeError, KeyError):
        return "missing"

    calls = []
    function = genuine.__func__ if isinstance(genuine, (staticmethod, classmethod)) else genuine
    if isinstance(genuine, property):
        replacement = property(lambda self: (calls.append(1), genuine.__get__(self))[1], genuine.fset)
    elif isinstance(genuine, type):
        return "a class"
    else:

        def replacement(*arguments, **keywords):
            calls.append(1)
            return function(*arguments, **keywords)

        if isinstance(genuine, (staticmethod, classmethod)):
            replacement = type(genuine)(replacement)
    try:
        setattr(owner, last, replacement)
    except (AttributeError, TypeError):
        return "cannot be replaced"
    try:
        fetch(url)
    except Exception as error:
        return f"fails: {type(error).__name__}: {error}"
    return "called" if calls else "not called"


def in_child(name: str, url: str) -> str:
    """`wrap` in a process of its own, which leaves this one as it was."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        outcome = "fails"
        try:
            outcome = wrap(name, url)
        finally:
            os.write(writing, outcome.encode()[:4000])
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        outcome = pipe.read()
    os.waitpid(child, 0)
    return outcome


def redirect_once(request: bytes) -> bytes:
    if request.split(b" ")[1] == b"/b":
        return answer()
    return answer(b"", "302 Found", "Location: /b", "Set-Cookie: a=b")


def main() -> None:
    url = sys.argv[-1]
    if sys.argv[1] == "serve":
        print(Origin([redirect_once] * 100000).url, flush=True)
        sys.stdin.read()
    elif sys.argv[1] == "record":
        # Twice: what happens once in a process, such as imports, is no part of a request.
        fetch(url)
        Path(sys.argv[2]).write_text(json.dumps(record(url)))
    else:
        fetch(url)
        names = json.loads(Path(sys.argv[2]).read_text())
        Path(sys.argv[3]).write_text(json.dumps({name: in_child(name, url) for name in names}))


if __name__ == "__main__":
    main()
