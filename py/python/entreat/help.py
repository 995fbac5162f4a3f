"""`python -m entreat.help`: which versions of what are installed, as JSON, for bug reports."""

from __future__ import annotations

import json
import platform
import ssl
import sys

import idna
import urllib3

from .__version__ import __version__ as requests_version
from ._lazy import types as _t

try:
    import charset_normalizer
except ImportError:
    charset_normalizer = None

try:
    import chardet
except ImportError:
    chardet = None

try:
    from urllib3.contrib import pyopenssl
except ImportError:
    pyopenssl = None
    OpenSSL = None
    cryptography = None
else:
    import cryptography
    import OpenSSL


def _implementation():
    """Name and version of the Python implementation."""
    name = platform.python_implementation()
    if name == "PyPy":
        found = sys.pypy_version_info
        version = f"{found.major}.{found.minor}.{found.micro}"
        if found.releaselevel != "final":
            version += found.releaselevel
    elif name in ("CPython", "Jython", "IronPython"):
        version = platform.python_version()
    else:
        version = "Unknown"
    return {"name": name, "version": version}


def _platform() -> dict[str, str]:
    try:
        return {"system": platform.system(), "release": platform.release()}
    except OSError:
        return {"system": "Unknown", "release": "Unknown"}


def info() -> dict[str, _t.Any]:
    """The versions, as a dictionary that can be written as JSON."""
    from . import __version__ as entreat_version

    openssl = {"version": None, "openssl_version": ""}
    if OpenSSL:
        openssl = {
            "version": OpenSSL.__version__,
            "openssl_version": f"{OpenSSL.SSL.OPENSSL_VERSION_NUMBER:x}",
        }
    system_ssl = ssl.OPENSSL_VERSION_NUMBER
    return {
        "platform": _platform(),
        "implementation": _implementation(),
        "system_ssl": {"version": f"{system_ssl:x}" if system_ssl is not None else ""},
        "using_pyopenssl": pyopenssl is not None,
        "using_charset_normalizer": chardet is None,
        "pyOpenSSL": openssl,
        "urllib3": {"version": urllib3.__version__},
        "chardet": {"version": chardet.__version__ if chardet else None},
        "charset_normalizer": {"version": charset_normalizer.__version__ if charset_normalizer else None},
        "cryptography": {"version": getattr(cryptography, "__version__", "")},
        "idna": {"version": getattr(idna, "__version__", "")},
        "requests": {"version": requests_version},
        "entreat": {"version": entreat_version},
    }


def main():
    """Print the versions."""
    print(json.dumps(info(), sort_keys=True, indent=2))


if __name__ == "__main__":
    main()
