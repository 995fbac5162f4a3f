"""`requests.packages.urllib3` and its like: the installed packages, under the names of copies that requests once held.

They are the very same modules: `requests.packages.urllib3.util` is `urllib3.util`. chardet is there under its own name,
and under "chardet" also where charset_normalizer serves in its place.
"""

import sys

import idna
import urllib3

from .compat import chardet


def adopt(parent: str) -> None:
    """Enter these packages, and those of their modules that are loaded, into `sys.modules` below a module's name."""
    for package, known_as in _known_as.items():
        for name in list(sys.modules):
            if name == package or name.startswith(f"{package}."):
                module = sys.modules[name]
                sys.modules[f"{parent}.{name}"] = module
                sys.modules[f"{parent}.{name.replace(package, known_as)}"] = module


_known_as = {"urllib3": "urllib3", "idna": "idna"}
if chardet is not None:
    _known_as[chardet.__name__] = "chardet"

adopt(__name__)
