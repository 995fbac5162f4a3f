"""What a header may look like, and strings made native: small helpers that need nothing else of this package."""

from __future__ import annotations

import re

from .compat import builtin_str

# A name may not begin with white space or a colon, nor hold a colon or a line break; a value may not begin with white
# space nor hold a line break (RFC 9110, 5.5 and 5.6.2, but more lenient: programs rely on it).
_VALID_HEADER_NAME_RE_BYTE = re.compile(rb"^[^:\s][^:\r\n]*\Z")
_VALID_HEADER_NAME_RE_STR = re.compile(r"^[^:\s][^:\r\n]*\Z")
_VALID_HEADER_VALUE_RE_BYTE = re.compile(rb"^\S[^\r\n]*\Z|^\Z")
_VALID_HEADER_VALUE_RE_STR = re.compile(r"^\S[^\r\n]*\Z|^\Z")

_HEADER_VALIDATORS_STR = (_VALID_HEADER_NAME_RE_STR, _VALID_HEADER_VALUE_RE_STR)
_HEADER_VALIDATORS_BYTE = (_VALID_HEADER_NAME_RE_BYTE, _VALID_HEADER_VALUE_RE_BYTE)
HEADER_VALIDATORS = {bytes: _HEADER_VALIDATORS_BYTE, str: _HEADER_VALIDATORS_STR}


def to_native_string(string: str | bytes, encoding: str = "ascii") -> str:
    """A string as it is, or bytes decoded."""
    return string if isinstance(string, builtin_str) else string.decode(encoding)


def unicode_is_ascii(u_string: str) -> bool:
    """Whether a string has ASCII characters only."""
    assert isinstance(u_string, str)
    return u_string.isascii()
