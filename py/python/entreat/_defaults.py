"""The default headers of a session, told without importing urllib3.

`sessions` asks here as long as `utils` has not been imported; whoever imports `utils`, perhaps to change
`utils.default_user_agent`, gets `utils`' own.
"""

from __future__ import annotations

import sys

from .__version__ import __version__ as requests_version
from .structures import CaseInsensitiveDict

_accept_encoding: str | None = None


def default_headers() -> CaseInsensitiveDict[str]:
    """The headers that every request has unless told otherwise, in the order in which they are sent."""
    global _accept_encoding
    if _accept_encoding is None:
        _accept_encoding = accept_encoding()
    return CaseInsensitiveDict(
        {
            "User-Agent": f"python-requests/{requests_version}",
            "Accept-Encoding": _accept_encoding,
            "Accept": "*/*",
            "Connection": "keep-alive",
        }
    )


def accept_encoding() -> str:
    """The content codings that urllib3 could decode here: which it is depends on what is installed."""
    codings = ["gzip", "deflate"]
    if _is_installed("brotlicffi") or _is_installed("brotli"):
        codings.append("br")
    zstandard = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    if _is_installed(zstandard):
        codings.append("zstd")
    return ", ".join(codings)


def _is_installed(module: str) -> bool:
    """Whether a module can be found; it is not imported."""
    if module in sys.modules:
        return True
    path = None
    name = ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        found = None
        for finder in sys.meta_path:
            found = finder.find_spec(name, path)
            if found is not None:
                break
        if found is None:
            return False
        path = found.submodule_search_locations
    return True
