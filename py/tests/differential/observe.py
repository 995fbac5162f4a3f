"""Everything that a program can see of a response, a request or an exception, as plain data that can be compared.

Nothing here knows which package it looks at: classes are told by their names. What differs from run to run (addresses in
memory, ports, boundaries, nonces) is replaced, see `normalised`.
"""

import re
import types
from http.cookiejar import CookieJar

#: Of an exception's chain, only this much is compared: beyond it stand the frames of urllib3 and the socket.
_PLAIN = (str, bytes, int, float, bool, type(None))


def observed(value):
    if isinstance(value, BaseException):
        return exception(value)
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return [observed(each) for each in value]
    if isinstance(value, CookieJar):
        return jar(value)
    if hasattr(value, "iter_lines"):
        return response(value)
    if hasattr(value, "prepare_cookies"):
        return request(value)
    if hasattr(value, "items"):
        return {str(key): observed(each) for key, each in value.items()}
    if isinstance(value, types.GeneratorType):
        return ["generator", *attempt(lambda: list(value))]
    return f"a {type(value).__name__}"


def attempt(function):
    """A list: what a function returns, or the exception that it raises."""
    try:
        return [observed(function())]
    except Exception as raised:
        return ["raised", exception(raised)]


def exception(error, depth=0):
    seen = {
        "class": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__],
        "str": str(error),
        "args": [
            exception(each, depth + 1) if isinstance(each, BaseException) else observed(each) for each in error.args
        ],
        "cause": type(error.__cause__).__name__,
        "context": type(error.__context__).__name__,
        "suppressed": error.__suppress_context__,
    }
    for name in ("errno", "reason", "url", "pool", "doc", "pos", "response", "request"):
        if hasattr(error, name) and depth < 4:
            value = getattr(error, name)
            if name in ("request", "response"):
                seen[name] = None if value is None else f"{value!r} of {value.url}"
            else:
                seen[name] = exception(value, depth + 1) if isinstance(value, BaseException) else observed(value)
    return seen


def jar(cookies):
    return [
        type(cookies).__name__,
        *(
            [each.name, each.value, each.domain, each.path, each.expires, each.secure, each.discard, each.version]
            + [each.port, each.domain_specified, each.domain_initial_dot, each.path_specified, dict(each._rest)]
            for each in cookies
        ),
    ]


def request(prepared):
    body = prepared.body
    return {
        "repr": repr(prepared),
        "method": prepared.method,
        "url": prepared.url,
        "path_url": attempt(lambda: prepared.path_url),
        "headers": [type(prepared.headers).__name__, *map(list, prepared.headers.items())],
        "body": body if isinstance(body, _PLAIN) else f"a {type(body).__name__}",
        "hooks": {name: len(hooks) for name, hooks in prepared.hooks.items()},
        "cookies": observed(prepared._cookies),
        "position": observed(prepared._body_position),
        "keys": sorted(vars(prepared)),
    }


def response(answer):
    seen = {
        "class": type(answer).__name__,
        "content": attempt(lambda: answer.content),
        "history": [short(each) for each in answer.history],
        "next": observed(answer.next),
        "cookies": observed(answer.cookies),
        "headers": [type(answer.headers).__name__, *map(list, answer.headers.items())],
        "request": observed(answer.request),
        "elapsed": type(answer.elapsed).__name__,
        "connection": type(answer.connection).__name__,
        "keys": sorted(vars(answer)),
        "raw": raw(answer.raw),
    }
    for name in ("status_code", "reason", "url", "encoding", "ok", "is_redirect", "is_permanent_redirect"):
        seen[name] = observed(getattr(answer, name))
    for name in ("text", "apparent_encoding", "links"):
        seen[name] = attempt(lambda name=name: getattr(answer, name))
    for name in ("json", "raise_for_status", "__repr__", "__bool__"):
        seen[name] = attempt(lambda name=name: getattr(answer, name)())
    seen["iter_content"] = attempt(lambda: list(answer.iter_content(7)))
    seen["iter_lines"] = attempt(lambda: list(answer.iter_lines()))
    seen["iter_lines of text"] = attempt(lambda: list(answer.iter_lines(chunk_size=5, decode_unicode=True)))
    return seen


def short(answer):
    return [
        answer.status_code,
        answer.url,
        list(map(list, answer.headers.items())),
        answer.request.method,
        len(answer.history),
    ]


def raw(urllib3_response):
    if urllib3_response is None:
        return None
    seen = {"class": type(urllib3_response).__name__, "headers": list(map(list, urllib3_response.headers.items()))}
    for name in (
        "status",
        "reason",
        "version",
        "closed",
        "length_remaining",
        "chunked",
        "decode_content",
        "enforce_content_length",
    ):
        seen[name] = attempt(lambda name=name: getattr(urllib3_response, name))
    seen["tell"] = attempt(urllib3_response.tell)
    seen["read"] = attempt(urllib3_response.read)
    original = urllib3_response._original_response
    seen["original"] = original and [
        [original.status, original.reason, original.version, original.isclosed()],
        list(map(list, original.msg.items())),
    ]
    return seen


_RANDOM = [
    (re.compile(r" at 0x[0-9a-f]+"), " at 0x"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"), "<32 digits>"),
    (re.compile(r'\b(nonce|cnonce|opaque|response)="[^"]*"'), r'\1="<random>"'),
    (re.compile(r"\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT"), "<date>"),
]


def normalised(value, port):
    """The same with what is random replaced."""
    if isinstance(value, dict):
        return {normalised(key, port): normalised(each, port) for key, each in value.items()}
    if isinstance(value, list):
        return [normalised(each, port) for each in value]
    if isinstance(value, bytes):
        return normalised(value.decode("latin-1"), port).encode("latin-1", "backslashreplace")
    if isinstance(value, str):
        value = value.replace(str(port), "<port>")
        for pattern, replacement in _RANDOM:
            value = pattern.sub(replacement, value)
    return value


def differences(expected, got, path=""):
    """Pairs of a path and what stands there in each of two observations, where that is not the same."""
    if type(expected) is not type(got):
        return [(path, expected, got)]
    if isinstance(expected, dict):
        keys = [*expected, *(key for key in got if key not in expected)]
        return [
            each for key in keys for each in differences(expected.get(key), got.get(key), f"{path}.{key}".lstrip("."))
        ]
    if isinstance(expected, list) and len(expected) == len(got):
        return [each for at, pair in enumerate(zip(expected, got)) for each in differences(*pair, f"{path}[{at}]")]
    return [] if expected == got else [(path, expected, got)]
