"""Names that once differed between Python 2 and 3. requests keeps them for the programs that import them from here."""

from __future__ import annotations

import sys

# OrderedDict and the rest are only re-exported.
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from http import cookiejar as cookielib
from http.cookies import Morsel
from io import StringIO
from types import ModuleType
from urllib.parse import (
    quote,
    quote_plus,
    unquote,
    unquote_plus,
    urldefrag,
    urlencode,
    urljoin,
    urlparse,
    urlsplit,
    urlunparse,
)
from urllib.request import (
    getproxies,
    getproxies_environment,
    parse_http_list,
    proxy_bypass,
    proxy_bypass_environment,
)

from urllib3 import __version__ as urllib3_version

from ._detection import _resolve_char_detection, chardet

try:
    is_urllib3_1 = int(urllib3_version.split(".")[0]) == 1
except (TypeError, AttributeError):
    # A version that cannot be told is taken for an old one.
    is_urllib3_1 = True

has_simplejson = False
try:
    import simplejson as json
    from simplejson import JSONDecodeError

    has_simplejson = True
except ImportError:
    import json
    from json import JSONDecodeError

_ver = sys.version_info
is_py2 = _ver[0] == 2
is_py3 = _ver[0] == 3

builtin_str = str
str = str
bytes = bytes
basestring = (str, bytes)
numeric_types = (int, float)
integer_types = (int,)
