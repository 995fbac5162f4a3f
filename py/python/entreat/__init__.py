"""entreat sends HTTP requests, and is a drop-in for `requests`: the same names, only faster.

    >>> import entreat as requests
    >>> response = requests.get("https://example.org/", timeout=10)
    >>> response.status_code
    200

This module loads the few light modules that nearly every program needs. Everything else (`adapters`, `auth`, `certs`,
`compat`, `cookies`, `help`, `packages`, `utils`), and urllib3 with it, is imported when it is first looked at. So is the
modern client, `Client`, which is no part of requests: `client`, `errors`, `mock`, `wsgi`, `asgi`.
`install()` lets `import requests` mean this package.
"""

from __future__ import annotations

import sys

from .__version__ import (
    __author__,
    __author_email__,
    __build__,
    __cake__,
    __copyright__,
    __description__,
    __license__,
    __title__,
    __url__,
)
from .api import delete, get, head, options, patch, post, put, request
from .exceptions import (
    ConnectionError,
    ConnectTimeout,
    FileModeWarning,
    HTTPError,
    ReadTimeout,
    RequestException,
    Timeout,
    TooManyRedirects,
    URLRequired,
)
from .models import PreparedRequest, Request, Response
from .sessions import Session, session
from .status_codes import codes

from . import _express  # isort: skip

#: The version of entreat. Which requests it stands in for is told by `entreat.__version__.__version__`, the submodule's,
#: and by `requests.__version__` under the alias.
__version__ = "0.1.0"

__all__ = (
    "ConnectionError",
    "ConnectTimeout",
    "HTTPError",
    "JSONDecodeError",
    "PreparedRequest",
    "ReadTimeout",
    "Request",
    "RequestException",
    "Response",
    "Session",
    "Timeout",
    "TooManyRedirects",
    "URLRequired",
    "codes",
    "delete",
    "get",
    "head",
    "options",
    "packages",
    "patch",
    "post",
    "put",
    "request",
    "session",
    "utils",
)

_SUBMODULES = frozenset(
    (
        "_internal_utils",
        "_types",
        "adapters",
        "asgi",
        "aio",
        "auth",
        "certs",
        "client",
        "compat",
        "cookies",
        "errors",
        "help",
        "mock",
        "packages",
        "utils",
        "wsgi",
    )
)

#: Names that take an import, and the module here that has them: of the modern client, and of requests' own `__init__`.
_ELSEWHERE = {
    "Auth": "client",
    "Client": "client",
    "Error": "errors",
    "Limits": "client",
    "Retry": "client",
    "MockTransport": "mock",
    "WSGITransport": "wsgi",
    "ASGITransport": "asgi",
    "JSONDecodeError": "exceptions",
    "RequestsDependencyWarning": "exceptions",
    "check_compatibility": "_dependencies",
    "_check_cryptography": "_dependencies",
    "charset_normalizer_version": "_dependencies",
    "chardet_version": "_dependencies",
    "DependencyWarning": "_dependencies",
    "NullHandler": "_dependencies",
    "logging": "_dependencies",
    "ssl": "_dependencies",
    "urllib3": "_dependencies",
    "warnings": "_dependencies",
    "install": "_alias",
    "uninstall": "_alias",
}

TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import aio as aio
    from . import client as client
    from . import errors as errors
    from . import mock as mock
    from .asgi import ASGITransport as ASGITransport
    from .client import Auth as Auth
    from .client import Client as Client
    from .client import Limits as Limits
    from .client import Retry as Retry
    from .errors import Error as Error
    from .mock import MockTransport as MockTransport
    from .wsgi import WSGITransport as WSGITransport


def __getattr__(name: str):
    if name in _SUBMODULES:
        # The import system binds it as an attribute of this package.
        __import__(f"{__name__}.{name}")
        return sys.modules[f"{__name__}.{name}"]
    module = _ELSEWHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    __import__(f"{__name__}.{module}")
    value = getattr(sys.modules[f"{__name__}.{module}"], name)
    # From here on an ordinary global, which programs may replace.
    return globals().setdefault(name, value)


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_ELSEWHERE})
