"""Programs that are put together at random, always the same ones: a method, a URL, and a few of the arguments."""

from __future__ import annotations

import io
import random

import requests
from origin import answer

COUNT = 80

ARGUMENTS = {
    "params": [
        {"a": "1"},
        [("a", "1"), ("a", "2")],
        {"list": ["x", "y"], "none": None},
        "raw=1&x",
        b"raw=2",
        {"ü": "é &=+"},
    ],
    "headers": [{"X-Custom": "a"}, {"accept": None}, {"User-Agent": "mine", "x-LOWER": "b"}, {"Content-Type": "x/y"}],
    "data": [{"f": "1"}, [("f", "1"), ("f", "2")], "text é", b"\x00\xff", "", {}, "stream", {"n": None, "l": [1, 2]}],
    "json": [{"a": [1, 2.5, None, True]}, [], "text é", 0],
    "cookies": [{"c": "1"}, {"c": '"quoted"', "d": "x y"}],
    "auth": [("user", "pass"), ("ü", "p:w")],
    "timeout": [5, (5, 5), (None, 5)],
    "allow_redirects": [True, False],
    "stream": [True, False],
}

PATHS = ["", "/", "/a/b", "/a%20b/ü?q=1", "/x?y=z#fragment", "/%7euser/%zz", "//double", "/semi;colon?a;b"]

ANSWERS = [
    [answer()],
    [answer(b'{"a": 1}', "200 OK", "Content-Type: application/json")],
    [answer("é".encode(), "200 OK", "Content-Type: text/html; charset=utf-8")],
    [answer(b"", "302 Found", "Location: /next?x=1", "Set-Cookie: sid=1; Path=/"), answer()],
    [answer(b"gone", "307 Temporary Redirect", "Location: other#new"), answer()],
    [answer(b"", "303 See Other", "Location: ../up"), answer()],
    [answer(b"no", "404 Not Found", "Set-Cookie: a=b; Domain=example.org")],
]


def generated():
    """Name, script and program of each."""
    chance = random.Random(2342)
    for number in range(COUNT):
        method = chance.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
        path = chance.choice(PATHS)
        names = chance.sample(sorted(ARGUMENTS), chance.randint(0, 4))
        arguments = {name: chance.choice(ARGUMENTS[name]) for name in names}
        script = chance.choice(ANSWERS)
        yield f"generated {number}: {method} {path} {arguments}", script, _program(method, path, arguments)


def _program(method: str, path: str, arguments: dict):
    def program(url: str):
        given = dict(arguments)
        if given.get("data") == "stream":
            given["data"] = io.BytesIO(b"streamed" * 10)
        return requests.request(method, url + path, **given)

    return program
