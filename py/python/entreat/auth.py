"""Authentication as programs name it: Basic, for servers and for proxies, and Digest (RFC 7617, RFC 7616).

An object of these classes is called with the prepared request, and changes it. Digest also watches the response: a 401
that brings a challenge is answered by sending the request again.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
import warnings
from base64 import b64encode

from ._internal_utils import to_native_string
from ._lazy import types as _t
from .compat import basestring, str, urlparse
from .cookies import extract_cookies_to_jar
from .utils import parse_dict_header

CONTENT_TYPE_FORM_URLENCODED = "application/x-www-form-urlencoded"
CONTENT_TYPE_MULTI_PART = "multipart/form-data"


def _basic_auth_str(username: bytes | str, password: bytes | str) -> str:
    """The value of Authorization for Basic authentication, in Latin-1 as requests has it."""
    # Numbers and the like are written out, as programs rely on it.
    if not isinstance(username, basestring):
        _warn_not_a_string("usernames", repr(username))
        username = str(username)
    if not isinstance(password, basestring):
        # The type alone: the password itself must not land in a log.
        _warn_not_a_string("passwords", repr(type(password)))
        password = str(password)

    if isinstance(username, str):
        username = username.encode("latin1")
    if isinstance(password, str):
        password = password.encode("latin1")
    return "Basic " + to_native_string(b64encode(b":".join((username, password))).strip())


def _warn_not_a_string(what: str, given: str) -> None:
    warnings.warn(
        f"Non-string {what} will no longer be supported in Requests 3.0.0. Please convert the object you've passed in "
        f"({given}) to a string or bytes object in the near future to avoid problems.",
        category=DeprecationWarning,
        stacklevel=2,
    )


class AuthBase:
    """The base of all authentication: a callable that changes a prepared request and returns it."""

    def __call__(self, r: _t.PreparedRequest) -> _t.PreparedRequest:
        raise NotImplementedError("Auth hooks must be callable.")


class HTTPBasicAuth(AuthBase):
    """Basic authentication to the server."""

    username: bytes | str
    password: bytes | str

    def __init__(self, username: bytes | str, password: bytes | str) -> None:
        self.username = username
        self.password = password

    def __eq__(self, other: object) -> bool:
        return _same_credentials(self, other)

    def __ne__(self, other: _t.Any) -> bool:
        return not self == other

    def __call__(self, r: _t.PreparedRequest) -> _t.PreparedRequest:
        r.headers["Authorization"] = _basic_auth_str(self.username, self.password)
        return r


class HTTPProxyAuth(HTTPBasicAuth):
    """Basic authentication to the proxy."""

    def __call__(self, r: _t.PreparedRequest) -> _t.PreparedRequest:
        r.headers["Proxy-Authorization"] = _basic_auth_str(self.username, self.password)
        return r


def _same_credentials(one: _t.Any, other: object) -> bool:
    return all(
        [
            one.username == getattr(other, "username", None),
            one.password == getattr(other, "password", None),
        ]
    )


class HTTPDigestAuth(AuthBase):
    """Digest authentication to the server. Each thread keeps the challenge that it was given."""

    username: bytes | str
    password: bytes | str
    _thread_local: threading.local
    last_nonce: str
    nonce_count: int
    chal: dict[str, str]
    pos: int | None
    num_401_calls: int | None

    def __init__(self, username: bytes | str, password: bytes | str) -> None:
        self.username = username
        self.password = password
        self._thread_local = threading.local()

    def init_per_thread_state(self) -> None:
        """Give the calling thread a state of its own, once."""
        state = self._thread_local
        if not hasattr(state, "init"):
            state.init = True
            state.last_nonce = ""
            state.nonce_count = 0
            state.chal = {}
            state.pos = None
            state.num_401_calls = None

    def build_digest_header(self, method: str, url: str) -> str | None:
        """The value of Authorization that answers the challenge, or ``None`` if we do not know how."""
        state = self._thread_local
        realm, nonce = state.chal["realm"], state.chal["nonce"]
        qop, algorithm, opaque = (state.chal.get(name) for name in ("qop", "algorithm", "opaque"))

        algorithm_name = "MD5" if algorithm is None else algorithm.upper()
        hash_text = _digest_hash(algorithm_name)
        # Of the qualities of protection we know `auth`; `auth-int` would cover the body too.
        if hash_text is None or (qop and qop != "auth" and "auth" not in qop.split(",")):
            return None

        target = urlparse(url)
        path = target.path or "/"
        if target.query:
            path += f"?{target.query}"

        state.nonce_count = state.nonce_count + 1 if nonce == state.last_nonce else 1
        count = f"{state.nonce_count:08x}"
        cnonce = self._client_nonce(nonce)

        # RFC 7616, 3.4.1 to 3.4.3
        secret = hash_text(f"{self.username}:{realm}:{self.password}")
        if algorithm_name == "MD5-SESS":
            secret = hash_text(f"{secret}:{nonce}:{cnonce}")
        subject = hash_text(f"{method}:{path}")
        if qop:
            answer = hash_text(f"{secret}:{nonce}:{count}:{cnonce}:auth:{subject}")
        else:
            answer = hash_text(f"{secret}:{nonce}:{subject}")
        state.last_nonce = nonce

        header = (
            f'Digest username="{self.username}", realm="{realm}", nonce="{nonce}", uri="{path}", response="{answer}"'
        )
        if opaque:
            header += f', opaque="{opaque}"'
        if algorithm:
            header += f', algorithm="{algorithm}"'
        if qop:
            header += f', qop="auth", nc={count}, cnonce="{cnonce}"'
        return header

    def _client_nonce(self, nonce: str) -> str:
        seed = f"{self._thread_local.nonce_count}{nonce}{time.ctime()}".encode() + os.urandom(8)
        return hashlib.sha1(seed, usedforsecurity=False).hexdigest()[:16]

    def handle_redirect(self, r: _t.Response, **kwargs: _t.Any) -> None:
        """A hook: after a redirect, the next challenge is a first one again."""
        if r.is_redirect:
            self._thread_local.num_401_calls = 1

    def handle_401(self, r: _t.Response, **kwargs: _t.Any) -> _t.Response:
        """A hook: answer a challenge by sending the request again, once."""
        state = self._thread_local
        # Some servers challenge with a status other than 401.
        if not 400 <= r.status_code < 500:
            state.num_401_calls = 1
            return r

        if state.pos is not None:
            seek = getattr(r.request.body, "seek", None)
            if seek is not None:
                seek(state.pos)

        challenge = r.headers.get("www-authenticate", "")
        if "digest" not in challenge.lower() or state.num_401_calls >= 2:
            state.num_401_calls = 1
            return r

        state.num_401_calls += 1
        state.chal = parse_dict_header(re.sub(r"digest ", "", challenge, count=1, flags=re.IGNORECASE))
        return self._send_again(r, kwargs)

    def _send_again(self, r: _t.Response, settings: dict[str, _t.Any]) -> _t.Response:
        # Read to the end and closed, so that the same connection can carry the answer.
        r.content
        r.close()
        request = r.request.copy()
        extract_cookies_to_jar(request._cookies, r.request, r.raw)
        request.prepare_cookies(request._cookies)

        header = self.build_digest_header(request.method, request.url)
        if header:
            request.headers["Authorization"] = header
        response = r.connection.send(request, **settings)
        response.history.append(r)
        response.request = request
        return response

    def __call__(self, r: _t.PreparedRequest) -> _t.PreparedRequest:
        self.init_per_thread_state()
        state = self._thread_local
        # With the server's last nonce the challenge can be spared.
        if state.last_nonce:
            header = self.build_digest_header(r.method, r.url)
            if header:
                r.headers["Authorization"] = header

        tell = getattr(r.body, "tell", None)
        # None where this body is no file, though that of an earlier request was.
        state.pos = None if tell is None else tell()
        r.register_hook("response", self.handle_401)
        r.register_hook("response", self.handle_redirect)
        state.num_401_calls = 1
        return r

    def __eq__(self, other: object) -> bool:
        return _same_credentials(self, other)

    def __ne__(self, other: _t.Any) -> bool:
        return not self == other


def _digest_hash(algorithm: str) -> _t.Callable[[str], str] | None:
    """The hash function of a Digest algorithm, from text to hexadecimal digits."""
    if algorithm in ("MD5", "MD5-SESS"):
        return lambda text: hashlib.md5(_utf8(text), usedforsecurity=False).hexdigest()
    if algorithm == "SHA":
        return lambda text: hashlib.sha1(_utf8(text), usedforsecurity=False).hexdigest()
    if algorithm == "SHA-256":
        return lambda text: hashlib.sha256(_utf8(text), usedforsecurity=False).hexdigest()
    if algorithm == "SHA-512":
        return lambda text: hashlib.sha512(_utf8(text), usedforsecurity=False).hexdigest()
    return None


def _utf8(text: str | bytes) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text
