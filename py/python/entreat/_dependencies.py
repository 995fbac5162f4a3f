"""What requests checks about its dependencies when it is imported. Here it is done when `utils` is, or on request.

A version outside the expected range gives a warning, never an error.
"""

from __future__ import annotations

import logging
import warnings
from logging import NullHandler

import urllib3
from urllib3.exceptions import DependencyWarning

from .exceptions import FileModeWarning, RequestsDependencyWarning

try:
    import ssl
except ImportError:
    ssl = None

try:
    from charset_normalizer import __version__ as charset_normalizer_version
except ImportError:
    charset_normalizer_version = None

try:
    from chardet import __version__ as chardet_version
except ImportError:
    chardet_version = None


def check_compatibility(
    urllib3_version: str, chardet_version: str | None, charset_normalizer_version: str | None
) -> None:
    """Raise `AssertionError` or `ValueError` unless the versions are within the range."""
    parts = urllib3_version.split(".")[:3]
    # An installation from git.
    assert parts != ["dev"]
    if len(parts) == 2:
        parts.append("0")
    major, minor, patch = (int(part) for part in parts)
    assert major >= 1
    if major == 1:
        assert minor >= 21

    if chardet_version:
        assert (3, 0, 2) <= _three(chardet_version) < (8, 0, 0)
    elif charset_normalizer_version:
        assert (2, 0, 0) <= _three(charset_normalizer_version) < (4, 0, 0)
    else:
        warnings.warn(
            "Unable to find acceptable character detection dependency (chardet or charset_normalizer).",
            RequestsDependencyWarning,
        )


def _three(version: str) -> tuple[int, int, int]:
    major, minor, patch = version.split(".")[:3]
    return int(major), int(minor), int(patch)


def _check_cryptography(cryptography_version: str) -> None:
    try:
        parts = [int(part) for part in cryptography_version.split(".")]
    except ValueError:
        return
    if parts < [1, 3, 4]:
        warnings.warn(f"Old version of cryptography ({parts}) may cause slowdown.", RequestsDependencyWarning)


try:
    check_compatibility(urllib3.__version__, chardet_version, charset_normalizer_version)
except (AssertionError, ValueError):
    warnings.warn(
        f"urllib3 ({urllib3.__version__}) or chardet ({chardet_version})/charset_normalizer "
        f"({charset_normalizer_version}) doesn't match a supported version!",
        RequestsDependencyWarning,
    )

warnings.simplefilter("ignore", DependencyWarning)
warnings.simplefilter("default", FileModeWarning, append=True)

# Programs configure the logger under either name.
for _name in ("requests", __package__):
    logging.getLogger(_name).addHandler(NullHandler())
