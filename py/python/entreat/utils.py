"""Functions that requests uses itself and that programs import from here: headers, URLs, proxies, netrc, lengths.

Many call one another through this module's globals, on purpose: programs replace `utils.default_user_agent`,
`utils.proxy_bypass` or `utils.DEFAULT_CA_BUNDLE_PATH`, and expect that to count. Importing this imports urllib3.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import socket
import struct
import sys
import tempfile
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Generator, Iterable

from urllib3.util import make_headers, parse_url

from . import _dependencies, certs
from .__version__ import __version__
from ._internal_utils import (
    _HEADER_VALIDATORS_BYTE,
    _HEADER_VALIDATORS_STR,
    HEADER_VALIDATORS,
    to_native_string,
)
from ._lazy import types as _t
from ._received import (
    _parse_content_type_header,
    get_encoding_from_headers,
    guess_json_utf,
    iter_slices,
    parse_header_links,
    stream_decode_response_unicode,
)
from ._types import SupportsItems as _SupportsItems
from .compat import (
    Mapping,
    bytes,
    getproxies,
    getproxies_environment,
    integer_types,
    is_urllib3_1,
    proxy_bypass,
    proxy_bypass_environment,
    quote,
    str,
    unquote,
    urlparse,
    urlunparse,
)
from .compat import parse_http_list as _parse_list_header
from .cookies import cookiejar_from_dict
from .exceptions import FileModeWarning, InvalidHeader, InvalidURL, UnrewindableBodyError
from .structures import CaseInsensitiveDict

NETRC_FILES = (".netrc", "_netrc")

DEFAULT_CA_BUNDLE_PATH: str = certs.where()

DEFAULT_PORTS = {"http": 80, "https": 443}

#: What urllib3 can decode here, with a space after each comma.
DEFAULT_ACCEPT_ENCODING = ", ".join(re.split(r",\s*", make_headers(accept_encoding=True)["accept-encoding"]))


if sys.platform == "win32":

    def proxy_bypass_registry(host: str) -> bool:
        """Whether the registry exempts a host from the proxy. The standard library's would look the host up."""
        try:
            import winreg
        except ImportError:
            return False

        try:
            settings = winreg.OpenKey(
                winreg.HKEY_CURRENT_USER, r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
            )
            # It may be a number or a string.
            enabled = int(winreg.QueryValueEx(settings, "ProxyEnable")[0])
            exempt = winreg.QueryValueEx(settings, "ProxyOverride")[0]
        except (OSError, ValueError):
            return False
        if not enabled or not exempt:
            return False

        # An empty pattern would match every host.
        for pattern in filter(None, exempt.split(";")):
            if pattern == "<local>" and "." not in host:
                return True
            pattern = pattern.replace(".", r"\.").replace("*", r".*").replace("?", r".")
            if re.match(pattern, host, re.I):
                return True
        return False

    def proxy_bypass(host: str) -> bool:
        """Whether a host is exempt from the proxy: by the environment if it names proxies, else by the registry."""
        if getproxies_environment():
            return proxy_bypass_environment(host)
        return proxy_bypass_registry(host)


def dict_to_sequence(
    d: _t.SupportsItems[_t.Any, _t.Any] | Iterable[tuple[_t.Any, _t.Any]],
) -> Iterable[tuple[_t.Any, _t.Any]]:
    """The items of a mapping; anything else as it is."""
    return d.items() if isinstance(d, _SupportsItems) else d


def super_len(o: _t.Any) -> int:
    """How many bytes are left to read of whatever may be a body; 0 if that cannot be told."""
    if not is_urllib3_1 and isinstance(o, str):
        # urllib3 2 sends text as UTF-8.
        o = o.encode("utf-8")

    total = None
    position = 0
    if hasattr(o, "__len__"):
        total = len(o)
    elif hasattr(o, "len"):
        total = o.len
    elif hasattr(o, "fileno"):
        total = _file_size(o)

    if hasattr(o, "tell"):
        try:
            position = o.tell()
        except OSError:
            # Standard input, for one. As if it were at its end: it will be sent in chunks.
            if total is not None:
                position = total
        else:
            if hasattr(o, "seek") and total is None:
                total = _end_of(o, position)

    return max(0, (total or 0) - position)


def _file_size(o: _t.Any) -> int | None:
    try:
        descriptor = o.fileno()
    except (io.UnsupportedOperation, AttributeError):
        # The second is what `Tarfile.extractfile()` gives.
        return None
    size = os.fstat(descriptor).st_size
    if "b" not in o.mode:
        warnings.warn(
            "Requests has determined the content-length for this request using the binary size of the file: however, "
            "the file has been opened in text mode (i.e. without the 'b' flag in the mode). This may lead to an "
            "incorrect content-length. In Requests 3.0, support will be removed for files in text mode.",
            FileModeWarning,
        )
    return size


def _end_of(o: _t.Any, position: int) -> int:
    """Where a file-like object ends, found by going there and back."""
    try:
        o.seek(0, 2)
        end = o.tell()
        o.seek(position or 0)
    except OSError:
        return 0
    return end


def get_netrc_auth(url: _t.UriType, raise_errors: bool = False) -> tuple[str, str] | None:
    """The user and password that netrc has for a URL's host."""
    if isinstance(url, bytes):
        url = url.decode("utf-8")
    try:
        from netrc import NetrcParseError, netrc

        path = _netrc_path()
        host = urlparse(url).hostname if path is not None else None
        if host is None:
            return None
        try:
            found = netrc(path).authenticators(host)
        except (NetrcParseError, OSError):
            # A file that cannot be read is as good as none, unless the caller wants to know.
            if raise_errors:
                raise
            return None
        if found and any(found):
            login, account, password = found
            return login or account or "", password or ""
    except (ImportError, AttributeError):
        # Platforms without home directories.
        pass
    return None


def _netrc_path() -> str | None:
    named = os.environ.get("NETRC")
    for candidate in (f"~/{name}" for name in NETRC_FILES) if named is None else (named,):
        path = os.path.expanduser(candidate)
        if os.path.exists(path):
            return path
    return None


def guess_filename(obj: _t.Any) -> str | None:
    """The last part of a file's name, if it has a real one: not ``<stdin>``."""
    name = getattr(obj, "name", None)
    if name and isinstance(name, (str, bytes)) and name[0] != "<" and name[-1] != ">":
        return os.path.basename(name)
    return None


def extract_zipped_paths(path: str) -> str:
    """A path as it is; or, if it leads into a zip archive, the path of a copy extracted from there."""
    if os.path.exists(path):
        return path

    # The longest part of the path that exists may be the archive; the rest is the member's name.
    archive, member = os.path.split(path)
    while archive and not os.path.exists(archive):
        archive, prefix = os.path.split(archive)
        if not prefix:
            # The root does not get any shorter.
            break
        member = "/".join([prefix, member])

    if not zipfile.is_zipfile(archive):
        return path
    zip_file = zipfile.ZipFile(archive)
    if member not in zip_file.namelist():
        return path

    suffix = os.path.splitext(member.split("/")[-1])[-1]
    descriptor, extracted = tempfile.mkstemp(suffix=suffix)
    try:
        os.write(descriptor, zip_file.read(member))
    finally:
        os.close(descriptor)
    return extracted


@contextlib.contextmanager
def atomic_open(filename: str) -> Generator[io.BufferedWriter, None, None]:
    """A file to write to that takes its name only when it is complete."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(filename))
    try:
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
        os.replace(temporary, filename)
    except BaseException:
        os.remove(temporary)
        raise


def from_key_val_list(
    value: Mapping[_t.Any, _t.Any] | Iterable[tuple[_t.Any, _t.Any]] | None,
) -> dict[_t.Any, _t.Any] | None:
    """A mapping or pairs as an `OrderedDict`.

    ::

        >>> from_key_val_list([('key', 'val')])
        OrderedDict([('key', 'val')])
        >>> from_key_val_list('string')
        Traceback (most recent call last):
        ...
        ValueError: cannot encode objects that are not 2-tuples
        >>> from_key_val_list({'key': 'val'})
        OrderedDict([('key', 'val')])
    """
    if value is None:
        return None
    _refuse_scalars(value)
    return OrderedDict(value)


def to_key_val_list(
    value: _t.SupportsItems[_t.Any, _t.Any] | Iterable[tuple[_t.Any, _t.Any]] | None,
) -> list[tuple[_t.Any, _t.Any]] | None:
    """A mapping or pairs as a list of pairs.

    ::

        >>> to_key_val_list([('key', 'val')])
        [('key', 'val')]
        >>> to_key_val_list({'key': 'val'})
        [('key', 'val')]
        >>> to_key_val_list('string')
        Traceback (most recent call last):
        ...
        ValueError: cannot encode objects that are not 2-tuples
    """
    if value is None:
        return None
    _refuse_scalars(value)
    return list(value.items() if isinstance(value, _SupportsItems) else value)


def _refuse_scalars(value: _t.Any) -> None:
    if isinstance(value, (str, bytes, bool, int)):
        raise ValueError("cannot encode objects that are not 2-tuples")


def parse_list_header(value: str) -> list[str]:
    """The elements of a comma-separated header, quoted ones without their quotes.

    >>> parse_list_header('token, "quoted value"')
    ['token', 'quoted value']
    """
    return [
        unquote_header_value(item[1:-1]) if item[:1] == item[-1:] == '"' else item for item in _parse_list_header(value)
    ]


def parse_dict_header(value: str) -> dict[str, str | None]:
    """The ``name=value`` elements of a comma-separated header; a name alone has the value ``None``.

    >>> d = parse_dict_header('foo="is a fish", bar="as well"')
    >>> sorted(d.items())
    [('bar', 'as well'), ('foo', 'is a fish')]
    >>> parse_dict_header('key_without_value')
    {'key_without_value': None}
    """
    result: dict[str, str | None] = {}
    for item in _parse_list_header(value):
        name, equals, quoted = item.partition("=")
        if not equals:
            result[item] = None
        elif quoted[:1] == quoted[-1:] == '"':
            result[name] = unquote_header_value(quoted[1:-1])
        else:
            result[name] = quoted
    return result


def unquote_header_value(value: str, is_filename: bool = False) -> str:
    r"""A quoted string of a header without quotes and escapes, as browsers read it rather than as RFC 9110 has it.

    :param is_filename: whether a leading ``\\`` begins a network path, whose backslashes stay.
    """
    if value and value[0] == value[-1] == '"':
        value = value[1:-1]
        if not is_filename or value[:2] != "\\\\":
            return value.replace("\\\\", "\\").replace('\\"', '"')
    return value


def dict_from_cookiejar(cj: _t.CookieJar) -> dict[str, str | None]:
    """The names and values of a jar's cookies."""
    return {cookie.name: cookie.value for cookie in cj}


def add_dict_to_cookiejar(cj: _t.CookieJar, cookie_dict: dict[str, str]) -> _t.CookieJar:
    """Put a dictionary's names and values into a jar, and return it."""
    return cookiejar_from_dict(cookie_dict, cj)


def get_encodings_from_content(content: str) -> list[str]:
    """The charsets that an HTML or XML text declares. Deprecated."""
    _warn_deprecated("get_encodings_from_content")
    patterns = (
        re.compile(r'<meta.*?charset=["\']*(.+?)["\'>]', flags=re.I),
        re.compile(r'<meta.*?content=["\']*;?charset=(.+?)["\'>]', flags=re.I),
        re.compile(r'^<\?xml.*?encoding=["\']*(.+?)["\'>]'),
    )
    return [found for pattern in patterns for found in pattern.findall(content)]


def get_unicode_from_response(r: _t.Response) -> str | bytes | None:
    """A response's body as text, by the charset in its headers. Deprecated."""
    _warn_deprecated("get_unicode_from_response")
    if r.content is None:
        return None
    encoding = get_encoding_from_headers(r.headers)
    if encoding:
        try:
            return str(r.content, encoding)
        except UnicodeError:
            pass
    try:
        return str(r.content, encoding or "utf-8", errors="replace")
    except TypeError:
        return r.content


def _warn_deprecated(name: str) -> None:
    warnings.warn(
        f"In requests 3.0, {name} will be removed. For more information, please see the discussion on issue #2266. "
        "(This warning should only appear once.)",
        DeprecationWarning,
    )


#: The characters that never need escaping in a URL (RFC 3986, 2.3).
UNRESERVED_SET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + "0123456789-._~")


def unquote_unreserved(uri: str) -> str:
    """A URL whose escapes of unreserved characters are undone; all other escapes stay (RFC 3986, 6.2.2.2)."""
    first, *escaped = uri.split("%")
    return first + "".join(map(_unquote_one, escaped))


def _unquote_one(part: str) -> str:
    """What followed a percent sign: with the character that its first two digits stand for, or with the sign."""
    digits = part[:2]
    if len(digits) == 2 and digits.isalnum():
        try:
            character = chr(int(digits, 16))
        except ValueError:
            raise InvalidURL(f"Invalid percent-escape sequence: '{digits}'")
        if character in UNRESERVED_SET:
            return character + part[2:]
    return f"%{part}"


def requote_uri(uri: str) -> str:
    """A URL in which everything illegal is escaped, and nothing twice."""
    try:
        return quote(unquote_unreserved(uri), safe="!#$%&'()*+,/:;=?@[]~")
    except InvalidURL:
        # Some percent sign begins no escape: so none is taken to.
        return quote(uri, safe="!#$&'()*+,/:;=?@[]~")


def address_in_network(ip: str, net: str) -> bool:
    """Whether an IPv4 address lies in a network: 192.168.1.1 is in 192.168.1.0/24."""
    address = struct.unpack("=L", socket.inet_aton(ip))[0]
    network_address, bits = net.split("/")
    mask = struct.unpack("=L", socket.inet_aton(dotted_netmask(int(bits))))[0]
    network = struct.unpack("=L", socket.inet_aton(network_address))[0] & mask
    return (address & mask) == (network & mask)


def dotted_netmask(mask: int) -> str:
    """A network mask of so many bits as an address: 24 is 255.255.255.0."""
    bits = 0xFFFFFFFF ^ (1 << 32 - mask) - 1
    return socket.inet_ntoa(struct.pack(">I", bits))


def is_ipv4_address(string_ip: str) -> bool:
    """Whether a string is an IPv4 address, in any of the forms that `inet_aton` knows."""
    try:
        socket.inet_aton(string_ip)
    except OSError:
        return False
    return True


def is_valid_cidr(string_network: str) -> bool:
    """Whether a string is an IPv4 network such as 192.168.1.0/24, as NO_PROXY may name it."""
    address, slash, bits = string_network.partition("/")
    if not slash or "/" in bits:
        return False
    try:
        mask = int(bits)
    except ValueError:
        return False
    return 1 <= mask <= 32 and is_ipv4_address(address)


@contextlib.contextmanager
def set_environ(env_name: str, value: str | None) -> Generator[None, None, None]:
    """Set an environment variable for a while. ``None`` changes nothing."""
    if value is None:
        yield
        return
    before = os.environ.get(env_name)
    os.environ[env_name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[env_name]
        else:
            os.environ[env_name] = before


def should_bypass_proxies(url: str, no_proxy: str | None) -> bool:
    """Whether a URL is to be reached without a proxy: by `no_proxy`, else by the environment or the platform."""
    given = no_proxy
    if no_proxy is None:
        # Lower case first, as curl and wget do.
        no_proxy = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    parsed = urlparse(url)
    hostname = parsed.hostname
    if hostname is None:
        # A file, for one.
        return True

    if no_proxy and _is_exempt(hostname, parsed, no_proxy):
        return True
    # The platform's function reads the environment, so what we were given goes there.
    with set_environ("no_proxy", given):
        try:
            return bool(proxy_bypass(hostname))
        except (TypeError, socket.gaierror):
            return False


def _is_exempt(hostname: str, parsed: _t.Any, no_proxy: str) -> bool:
    entries = [entry for entry in no_proxy.replace(" ", "").split(",") if entry]
    if is_ipv4_address(hostname):
        return any(
            address_in_network(hostname, entry) if is_valid_cidr(entry) else hostname == entry for entry in entries
        )
    names = [hostname]
    if parsed.port:
        names.append(f"{hostname}:{parsed.port}")
    for entry in entries:
        entry = entry.lstrip(".")
        if any(name == entry or name.endswith("." + entry) for name in names):
            return True
    return False


def get_environ_proxies(url: str, no_proxy: str | None = None) -> dict[str, str]:
    """The proxies that the environment has for a URL."""
    return {} if should_bypass_proxies(url, no_proxy=no_proxy) else getproxies()


def select_proxy(url: str, proxies: dict[str, str] | None) -> str | None:
    """The proxy for a URL, of a dictionary by scheme and host, scheme, ``all`` and host, or ``all``."""
    proxies = proxies or {}
    parts = urlparse(url)
    if parts.hostname is None:
        return proxies.get(parts.scheme, proxies.get("all"))
    for key in (f"{parts.scheme}://{parts.hostname}", parts.scheme, f"all://{parts.hostname}", "all"):
        if key in proxies:
            return proxies[key]
    return None


def resolve_proxies(
    request: _t.Request | _t.PreparedRequest, proxies: dict[str, str] | None, trust_env: bool = True
) -> dict[str, str]:
    """The proxies for a request: those given, and for its scheme the environment's, unless NO_PROXY exempts it."""
    proxies = {} if proxies is None else proxies
    url = request.url
    scheme = urlparse(url).scheme
    no_proxy = proxies.get("no_proxy")
    resolved = proxies.copy()
    if trust_env and not should_bypass_proxies(url, no_proxy=no_proxy):
        found = get_environ_proxies(url, no_proxy=no_proxy)
        proxy = found.get(scheme, found.get("all"))
        if proxy:
            resolved.setdefault(scheme, proxy)
    return resolved


def default_user_agent(name: str = "python-requests") -> str:
    """The User-Agent that is sent unless the program sets one."""
    return f"{name}/{__version__}"


def default_headers() -> CaseInsensitiveDict[str]:
    """The headers of a new session."""
    return CaseInsensitiveDict(
        {
            "User-Agent": default_user_agent(),
            "Accept-Encoding": DEFAULT_ACCEPT_ENCODING,
            "Accept": "*/*",
            "Connection": "keep-alive",
        }
    )


def prepend_scheme_if_needed(url: str, new_scheme: str) -> str:
    """A URL with a scheme: its own, or `new_scheme`."""
    parsed = parse_url(url)
    scheme, auth, _host, _port, path, query, fragment = parsed
    netloc = parsed.netloc
    if not netloc:
        # What has no slashes is a host, not a path.
        netloc, path = path, netloc
    if auth:
        # `netloc` leaves it out.
        netloc = "@".join([auth, netloc])
    return urlunparse((new_scheme if scheme is None else scheme, netloc, path or "", "", query, fragment))


def get_auth_from_url(url: str) -> tuple[str, str]:
    """User and password of a URL, unescaped; two empty strings if it has none."""
    parsed = urlparse(url)
    try:
        return unquote(parsed.username), unquote(parsed.password)
    except (AttributeError, TypeError):
        return "", ""


def check_header_validity(header: tuple[str | bytes, str | bytes]) -> None:
    """Raise `InvalidHeader` unless name and value of a header can be sent."""
    name, value = header
    _validate_header_part(header, name, 0)
    _validate_header_part(header, value, 1)


def _validate_header_part(
    header: tuple[str | bytes, str | bytes], header_part: str | bytes, header_validator_index: int
) -> None:
    if isinstance(header_part, str):
        validator = _HEADER_VALIDATORS_STR[header_validator_index]
    elif isinstance(header_part, bytes):
        validator = _HEADER_VALIDATORS_BYTE[header_validator_index]
    else:
        raise InvalidHeader(
            f"Header part ({header_part!r}) from {header} must be of type str or bytes, not {type(header_part)}"
        )
    if not validator.match(header_part):
        kind = "name" if header_validator_index == 0 else "value"
        raise InvalidHeader(
            f"Invalid leading whitespace, reserved character(s), or return character(s) in header {kind}: "
            f"{header_part!r}"
        )


def urldefragauth(url: str) -> str:
    """A URL without fragment and credentials, as a proxy is to see it."""
    scheme, netloc, path, params, query, _fragment = urlparse(url)
    if not netloc:
        netloc, path = path, netloc
    return urlunparse((scheme, netloc.rsplit("@", 1)[-1], path, params, query, ""))


def rewind_body(prepared_request: _t.PreparedRequest) -> None:
    """Take a file-like body back to where it began, so that it can be sent again."""
    seek = getattr(prepared_request.body, "seek", None)
    if seek is None or not isinstance(prepared_request._body_position, integer_types):
        raise UnrewindableBodyError("Unable to rewind request body for redirect.")
    try:
        seek(prepared_request._body_position)
    except OSError:
        raise UnrewindableBodyError("An error occurred when rewinding request body for redirect.")
