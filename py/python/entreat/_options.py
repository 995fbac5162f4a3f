"""`session.options`: a switch for each thing that requests does and many wish it did otherwise.

Every switch is off: a session is requests' own until a program says something here, and as long as it does not, none of
this module is loaded. `SessionOptions` is what `session.options` gives: it checks what is assigned. What a program has
set is kept in the session as `Values`, which are never changed but replaced, so that a request in another thread, a copy
of the session and a pickle keep what they have. `Values` also holds the rules: `sessions`, `models` and `_express` ask it
at the point where requests would decide otherwise. docs/dropin.md shows each rule beside requests' own.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from ._lazy import types as _t
from ._native import EngineError, NetworkRules, set_pool_rules, state
from ._timeout import TimeLimits, started
from .exceptions import BodyTooLarge, ConnectionError


class Knob:
    """One switch: its default, the check of what is assigned, and its documentation."""

    def __init__(self, default: _t.Any, check, doc: str) -> None:
        self.default = default
        self._check = check
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, options, owner=None) -> _t.Any:
        return self if options is None else options._values.get(self.name)

    def __set__(self, options, value) -> None:
        options.update(**{self.name: value})

    def __delete__(self, options) -> None:
        options.update(**{self.name: self.default})

    def checked(self, value: _t.Any) -> _t.Any:
        return self._check(self.name, value)


def _refused(name: str, wanted: str, value: _t.Any, error: type = ValueError) -> Exception:
    return error(f"session.options.{name} must be {wanted}; it is {value!r}")


def _switch(name: str, value: _t.Any) -> bool:
    if not isinstance(value, bool):
        raise _refused(name, "True or False", value, TypeError)
    return value


def _timeout(name: str, value: _t.Any) -> _t.Any:
    if value is None or isinstance(value, TimeLimits):
        return value
    if type(value).__module__.partition(".")[0] == "urllib3":
        return value
    parts = value if isinstance(value, tuple) and len(value) == 2 else (value,)
    for part in parts:
        if part is not None:
            _seconds(name, part)
    return value


def _seconds(name: str, value: _t.Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refused(name, "a number of seconds, or None for no limit", value, TypeError)
    if not 0 < value < 1e9:
        raise _refused(name, "above 0 and below 1e9 seconds, or None for no limit", value)
    return float(value)


def _count(name: str, value: _t.Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refused(name, "a whole number, or None for no limit", value, TypeError)
    if value < 0:
        raise _refused(name, "0 or above, or None for no limit", value)
    return value


def _url(name: str, value: _t.Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.match(r"https?://[^/?#]", value, re.IGNORECASE):
        raise _refused(name, "an absolute URL, such as 'https://example.org/api/'", value)
    return value


def _charset(name: str, value: _t.Any) -> str | None:
    if value is None or value == "detect":
        return value
    import codecs

    try:
        codecs.lookup(value)
    except (LookupError, TypeError):
        raise _refused(name, "a charset that Python knows, 'detect' or None", value)
    return value


def _passphrase(name: str, value: _t.Any) -> _t.Any:
    if value is not None and not isinstance(value, (str, bytes)):
        raise _refused(name, "text, bytes or None", type(value), TypeError)
    return value


def _hosts(name: str, value: _t.Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _refused(name, "a dictionary from 'host' or 'host:port' to addresses", value, TypeError)
    pairs = {}
    for host, addresses in value.items():
        listed = [addresses] if isinstance(addresses, str) else addresses
        if not isinstance(host, str) or not listed or not all(isinstance(each, str) for each in listed):
            raise _refused(name, "a dictionary from 'host' or 'host:port' to addresses", value, TypeError)
        pairs[host] = ",".join(listed)
    _network(name, value, resolve=list(pairs.items()))
    return dict(value)


def _addresses(name: str, value: _t.Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise _refused(name, "a list of addresses or blocks, such as ['10.1.0.0/16']", value, TypeError)
    _network(name, value, allow=list(value))
    return tuple(value)


def _network(name: str, value: _t.Any, resolve: list = (), cache: float = 0.0, public=False, allow: list = ()):
    """The engine's rules for connections; it refuses what it cannot read."""
    try:
        return NetworkRules(list(resolve), cache, public, list(allow))
    except EngineError as error:
        raise _refused(name, error.message, value)


def _pause(name: str, value: _t.Any) -> float:
    return 0.0 if value == 0 and not isinstance(value, bool) else _seconds(name, value) or 0.0


def _retries(name: str, value: _t.Any) -> _t.Any:
    from urllib3 import Retry

    return value if isinstance(value, Retry) else _count(name, value)


class SessionOptions:
    """The switches of one session, and, as in requests, its method for OPTIONS.

        >>> session = requests.Session()
        >>> session.options.timeout = entreat.Timeout(connect=3, total=30)
        >>> session.options.update(base_url="https://example.org/api/", default_encoding="utf-8")
        >>> session.options("https://example.org/")     # requests' method is still there
        <Response [200]>

    Unknown names and impossible values are refused when they are assigned. ``del session.options.timeout`` goes back to
    requests' rule. Assign before threads share the session; requests that are under way keep what they began with.
    """

    __slots__ = ("_session", "__func__")

    timeout = Knob(None, _timeout, "Time-out of requests that give none: whatever `timeout=` takes, best an `entreat.Timeout` with a total. Default None, for ever, as in requests. Too short, and slow answers fail. A request that shall have no limit says ``timeout=(None, None)``.")  # fmt: skip
    base_url = Knob(None, _url, "What relative URLs are relative to, by RFC 3986: end it with a slash, or its last segment is replaced; a URL with a leading slash replaces its whole path. Default None: a relative URL is `MissingSchema`, as in requests.")  # fmt: skip
    verify_before_environment = Knob(False, _switch, "An explicit `verify` goes before REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE. Default False: in requests they go before the session's `verify`, even before False, and before ``verify=True`` of a request.")  # fmt: skip
    header_before_netrc = Knob(False, _switch, "An Authorization header that the program wrote is sent, though netrc has an entry for the host. Default False: in requests netrc replaces it.")  # fmt: skip
    proxies_before_environment = Knob(False, _switch, "`session.proxies` go before HTTP_PROXY and its like. Default False: in requests the environment wins, but over the proxies of a single request.")  # fmt: skip
    no_proxy_ipv6 = Knob(False, _switch, "NO_PROXY understands ranges of IPv6 addresses (``fd00::/8``). Default False: requests understands those of IPv4 only.")  # fmt: skip
    retries = Knob(None, _retries, "How often a request is tried again: a `urllib3.Retry`, or a number, which means failed connections, and for idempotent methods broken ones and the statuses 429, 502, 503 and 504, with a growing pause or the one that Retry-After asks for. The last answer is returned. For adapters whose `max_retries` say nothing. Default None: what the adapters say, in requests nothing. Large numbers make an outage last longer.")  # fmt: skip
    pool_idle_timeout = Knob(90.0, _seconds, "For how many seconds an idle connection is kept. Default 90, below the limit of most load balancers; requests keeps it until it is found dead. None keeps it likewise; very short, and every request connects anew.")  # fmt: skip
    pool_max_age = Knob(None, _seconds, "After how many seconds a connection is not used again, so that changes of the DNS are noticed. Default None: never, as in requests. Very short, and every request connects anew.")  # fmt: skip
    dns_cache = Knob(0.0, _pause, "For how many seconds the addresses of a name are kept for further connections. Default 0: every connection asks anew, as in requests. Long, and servers that have moved are not found.")  # fmt: skip
    resolve = Knob({}, _hosts, "Addresses to connect to in the place of a host's, as curl's --resolve: a dictionary from ``'host'``, ``'host:port'`` or ``'*'`` to one address or a list, each perhaps with a port. Host header, SNI and the certificate's name stay the URL's. Default none, as in requests. Requests that only the classic lane can serve are refused.")  # fmt: skip
    public_addresses_only = Knob(False, _switch, "Connects to addresses of the public internet only, on redirects too and whatever a name resolves to: for programs that fetch URLs which strangers give them. Default False, as in requests. Proxies, adapters of the program's own and the classic lane are refused, as the address is chosen elsewhere.")  # fmt: skip
    allow_addresses = Knob((), _addresses, "Addresses and blocks that `public_addresses_only` lets through all the same, such as ``['10.1.0.0/16']``. Default none. ``0.0.0.0/0`` lets all of IPv4 through.")  # fmt: skip
    system_trust = Knob(False, _switch, "``verify=True`` means the operating system's store, not certifi's bundle. Default False, as in requests.")  # fmt: skip
    key_passphrase = Knob(None, _passphrase, "The passphrase of the key in `cert=`. Default None: OpenSSL asks on the terminal, as in requests. It is pickled with the session, in plain text.")  # fmt: skip
    default_encoding = Knob(None, _charset, "The charset of text that declares none: a charset, or ``'detect'`` to find out from the body. Default None: ISO-8859-1, as in requests.")  # fmt: skip
    urls_as_written = Knob(False, _switch, "URLs go out as they are written: dot segments and percent-encodings stay, and only what no request line can hold is escaped. urllib3 still writes %2f as %2F, and escapes what RFC 3986 forbids. Default False: requests normalises. Such requests take the open lane.")  # fmt: skip
    redirects_keep_method = Knob(False, _switch, "301 and 302 are followed with the same method and body, as 307 and 308 are. Default False: requests turns POST into GET, and after 302 every method but HEAD.")  # fmt: skip
    max_body = Knob(None, _count, "The largest body, in bytes after decompression, that is read, kept or streamed, before `BodyTooLarge`; no more than that is decompressed, so it guards against bombs. Default None: any size, as in requests. 0 refuses every body.")  # fmt: skip
    body_in_errors = Knob(0, _count, "How many characters of the body `raise_for_status` shows. Default 0: none, as in requests. Bodies may hold secrets, and messages end in logs.")  # fmt: skip
    exact_lines = Knob(False, _switch, "`iter_lines` gives the same lines whatever the size of the pieces: an end of line that is cut in two ends one line, not two. Default False, as in requests.")  # fmt: skip

    def __init__(self, session: _t.Session, method: _t.Any) -> None:
        object.__setattr__(self, "_session", session)
        #: requests' method.
        object.__setattr__(self, "__func__", method)

    def update(self, **changes: _t.Any) -> None:
        """Set several at once: all of them, or none where one is refused."""
        checked = {}
        for name, value in changes.items():
            knob = _KNOBS.get(name)
            if knob is None:
                raise AttributeError(_unknown(name))
            checked[name] = knob.checked(value)
        before = self._values
        after = before.with_changes(checked)
        kept = state(self._session)
        if after:
            kept["_options"] = after
        else:
            kept.pop("_options", None)
        apply(self._session, before, after)

    @property
    def _values(self) -> Values:
        return state(self._session).get("_options") or NOTHING

    def __setattr__(self, name: str, value: _t.Any) -> None:
        if name not in _KNOBS:
            raise AttributeError(_unknown(name))
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"<options of {self._session!r}: {self._values!r}>"

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *_KNOBS})

    # Below, what a bound method has.

    def __call__(self, url: _t.UriType, **kwargs: _t.Unpack[_t.RequestKwargs]) -> _t.Response:
        r"""Send an OPTIONS request; arguments as for `request`."""
        return self.__func__(self._session, url, **kwargs)

    @property
    def __self__(self) -> _t.Session:
        return self._session

    @property
    def __name__(self) -> str:
        return "options"


_KNOBS = {name: knob for name, knob in vars(SessionOptions).items() if isinstance(knob, Knob)}


def _unknown(name: str) -> str:
    near = get_close_matches(name, _KNOBS, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KNOBS)}"
    return f"session.options has no switch {name!r}: {hint}"


_NETWORK = ("dns_cache", "resolve", "public_addresses_only", "allow_addresses")


class Values:
    """What a program has set on one session, and the rules that follow from it. Never changed."""

    __slots__ = ("_set", "network")

    def __init__(self, given: dict[str, _t.Any]) -> None:
        self._set = given
        #: How the engine makes connections, None for as in requests.
        self.network = None
        if not given.keys().isdisjoint(_NETWORK):
            hosts = [
                (host, addresses if isinstance(addresses, str) else ",".join(addresses))
                for host, addresses in self.resolve.items()
            ]
            public, allow = self.public_addresses_only, self.allow_addresses
            self.network = _network("update", given, hosts, self.dns_cache, public, allow)

    def __reduce__(self) -> tuple[_t.Any, ...]:
        return Values, (self._set,)

    def __bool__(self) -> bool:
        return bool(self._set)

    def __eq__(self, other: object) -> bool:
        return self._set == other._set if isinstance(other, Values) else NotImplemented

    __hash__ = None

    def __repr__(self) -> str:
        secret = {"key_passphrase": "***"} if "key_passphrase" in self._set else {}
        return ", ".join(f"{name}={value!r}" for name, value in {**self._set, **secret}.items()) or "all as in requests"

    def get(self, name: str) -> _t.Any:
        return self._set.get(name, _KNOBS[name].default)

    def __getattr__(self, name: str) -> _t.Any:
        if name not in _KNOBS:
            raise AttributeError(name)
        return self.get(name)

    def with_changes(self, changes: dict[str, _t.Any]) -> Values:
        """These and the changes; what is as in requests is not kept."""
        merged = {**self._set, **changes}
        return Values({name: value for name, value in merged.items() if value != _KNOBS[name].default})

    # The request.

    def absolute(self, url: _t.Any) -> _t.Any:
        """A URL, relative to `base_url`."""
        if self.base_url is None or not isinstance(url, str) or re.match(r"[a-z][a-z0-9+.-]*:", url, re.IGNORECASE):
            return url
        from urllib.parse import urljoin

        return urljoin(self.base_url, url)

    def timeout_for(self, timeout: _t.Any) -> _t.Any:
        """A request's timeout, its clock running."""
        return started(self.timeout if timeout is None else timeout)

    def ignores_netrc(self, *headers: _t.Any) -> bool:
        """Whether a program has written the Authorization header in one of these."""
        if not self.header_before_netrc:
            return False
        return any(str(name).lower() == "authorization" for each in headers for name in each or ())

    def ignores_environment_bundle(self, verify: _t.Any, session_verify: _t.Any) -> bool:
        return self.verify_before_environment and not (verify is None and session_verify is True)

    def trusted(self, verify: _t.Any) -> _t.Any:
        """`verify`, with the operating system's store in the place of certifi's bundle."""
        if verify is not True or not self.system_trust:
            return verify
        from .certs import system_store

        store = system_store()
        if store is None:
            raise OSError("session.options.system_trust: Python does not know where this system keeps its authorities")
        return store

    def ignores_environment_proxies(self, url: str, proxies: dict[str, str] | None, no_proxy: str | None) -> bool:
        if self.proxies_before_environment:
            from .utils import select_proxy

            if select_proxy(url, proxies):
                return True
        return self.no_proxy_ipv6 and _is_in_ipv6_range(url, no_proxy)

    def check_guard(self, adapter: _t.BaseAdapter, url: str, proxies: dict[str, str] | None) -> None:
        """Refuse what would connect to addresses that nobody judges."""
        if not self.public_addresses_only:
            return
        from .adapters import HTTPAdapter
        from .utils import select_proxy

        if type(adapter) is not HTTPAdapter:
            seen = f"the adapter is a {type(adapter).__name__}"
        elif select_proxy(url, proxies):
            seen = "a proxy would connect"
        else:
            return
        raise ConnectionError(f"session.options.public_addresses_only cannot be kept: {seen}")

    def keeps_method(self, status: int) -> bool:
        """Whether a redirect is followed with its method and body, though requests would change them."""
        return self.redirects_keep_method and status in (301, 302)

    # The response.

    def mark(self, response: _t.Response) -> _t.Response:
        """Let a response that has just come go by these rules."""
        if self.default_encoding is not None and _declares_no_charset(response):
            response.encoding = None if self.default_encoding == "detect" else self.default_encoding
        if self.max_body is not None or self.body_in_errors or self.exact_lines:
            response._options = self
        return response

    def bounded(self, response: _t.Response, pieces):
        """The pieces of a body, up to `max_body`."""
        limit = self.max_body
        length = response.headers.get("content-length", "")
        if (
            limit is not None
            and length.isdigit()
            and int(length) > limit
            and "content-encoding" not in response.headers
        ):
            raise _too_large(response, limit, f"{length} bytes are announced")
        taken = 0
        for piece in pieces:
            taken += len(piece)
            if limit is not None and taken > limit:
                raise _too_large(response, limit, f"at least {taken} bytes have come")
            yield piece

    def excerpt(self, response: _t.Response) -> str:
        """What of the body an error shows."""
        if not self.body_in_errors or response._content is None:
            return ""
        try:
            text = response.text
        except Exception as error:
            return f" (its body cannot be read: {error!r})"
        more = "…" if len(text) > self.body_in_errors else ""
        return f": {text[: self.body_in_errors]}{more}" if text else ""


NOTHING = Values({})


def _declares_no_charset(response: _t.Response) -> bool:
    content_type = response.headers.get("content-type", "").lower()
    return "charset" not in content_type and "application/json" not in content_type


def _too_large(response: _t.Response, limit: int, seen: str) -> BodyTooLarge:
    response.raw.close()
    text = f"The body is larger than session.options.max_body, {limit} bytes: {seen}"
    return BodyTooLarge(text, request=response.request, response=response)


def _is_in_ipv6_range(url: str, no_proxy: str | None) -> bool:
    import os
    from ipaddress import IPv6Address, IPv6Network
    from urllib.parse import urlsplit

    if no_proxy is None:
        no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    try:
        address = IPv6Address((urlsplit(url).hostname or "").partition("%")[0])
    except ValueError:
        return False
    for entry in no_proxy.replace(" ", "").split(","):
        try:
            if address in IPv6Network(entry.strip("[]").replace("]/", "/"), strict=False):
                return True
        except ValueError:
            continue
    return False


def exact_lines(pieces, delimiter):
    """Lines, however the body was cut into pieces. What ends the last line begins no further one."""
    held: list = []
    tail = None
    for piece in pieces:
        if not piece:
            continue
        held.append(piece)
        # With what came before, as an end may have been cut in two.
        tail = piece if tail is None else tail + piece
        if _has_end(tail, delimiter):
            lines, rest = _cut(type(piece)().join(held), delimiter)
            yield from lines
            held = [rest] if rest else []
            tail = rest
        tail = tail[-len(delimiter or "\r") :]
    if held:
        rest = type(held[0])().join(held)
        yield rest if delimiter else rest.splitlines()[0]


def _has_end(text, delimiter) -> bool:
    return delimiter in text if delimiter else text.splitlines() != [text]


def _cut(text, delimiter) -> tuple[list, _t.Any]:
    """The lines that have ended, without their ends, and what comes behind them."""
    if delimiter:
        *lines, rest = text.split(delimiter)
        return lines, rest
    lines = text.splitlines(keepends=True)
    last = lines[-1]
    # A carriage return may be half an end of line.
    is_open = last.splitlines()[0] == last or last[-1:] in ("\r", b"\r")
    rest = lines.pop() if is_open else type(text)()
    return [line.splitlines()[0] for line in lines], rest


def apply(session: _t.Session, before: Values, after: Values) -> None:
    """Bring what a session holds already, its connections and adapters, in line with changed values."""
    rules = after.pool_idle_timeout, after.pool_max_age
    if rules != (before.pool_idle_timeout, before.pool_max_age):
        set_pool_rules(session, *rules)
    if any(before.get(name) != after.get(name) for name in _FOR_ADAPTERS):
        from ._adapter_options import apply_to_adapter

        for adapter in session.adapters.values():
            apply_to_adapter(adapter, after, before)


_FOR_ADAPTERS = ("retries", "pool_idle_timeout", "pool_max_age", "key_passphrase", *_NETWORK)
