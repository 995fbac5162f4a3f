"""Reading what a server sent: charset and JSON encoding, slices and lines of text, Link headers.

Pure functions without any dependency, so that `Response.json` and `.links` work without the rest of `utils`, which
re-exports them under requests' names.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Generator, Iterable

from ._lazy import types as _t


def _parse_content_type_header(header: str) -> tuple[str, dict[str, _t.Any]]:
    """The media type of a Content-Type header, and its parameters by lower-case name."""
    media_type, *parameters = header.split(";")
    by_name: dict[str, _t.Any] = {}
    for parameter in parameters:
        name, equals, value = parameter.strip().partition("=")
        if equals:
            by_name[name.strip("\"' ").lower()] = value.strip("\"' ")
    return media_type.strip(), by_name


def get_encoding_from_headers(headers: _t.CaseInsensitiveDict[str]) -> str | None:
    """The charset that response headers declare or imply; ``None`` leaves it to detection."""
    content_type = headers.get("content-type")
    if not content_type:
        return None
    media_type, parameters = _parse_content_type_header(content_type)
    if "charset" in parameters:
        return parameters["charset"].strip("'\"")
    if "text" in media_type:
        # RFC 2616, 3.7.1. It has been obsolete since RFC 7231, but requests keeps it.
        return "ISO-8859-1"
    if "application/json" in media_type:
        return "utf-8"
    return None


def stream_decode_response_unicode(iterator: Iterable[bytes], r: _t.Response) -> Generator[str | bytes, None, None]:
    """Decode a stream of pieces by the response's `encoding`; without one they pass as they are."""
    if r.encoding is None:
        yield from iterator
        return
    decoder = codecs.getincrementaldecoder(r.encoding)(errors="replace")
    for piece in iterator:
        text = decoder.decode(piece)
        if text:
            yield text
    text = decoder.decode(b"", final=True)
    if text:
        yield text


def iter_slices(string: bytes | str, slice_length: int | None) -> Generator[bytes | str, None, None]:
    """Cut a string into slices of `slice_length`; ``None``, zero or less gives it whole."""
    if slice_length is None or slice_length <= 0:
        slice_length = len(string)
    start = 0
    while start < len(string):
        yield string[start : start + slice_length]
        start += slice_length


def guess_json_utf(data: bytes) -> str | None:
    """Which UTF a JSON text is in, told by its byte order mark or by the zero bytes among its first four.

    JSON begins with two ASCII characters (RFC 4627, 3), so the pattern of zeros gives width and byte order.
    """
    head = data[:4]
    if head in (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE):
        return "utf-32"
    if head[:3] == codecs.BOM_UTF8:
        return "utf-8-sig"
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    zeros = head.count(0)
    if zeros == 0:
        return "utf-8"
    if zeros == 2:
        if head[::2] == b"\0\0":
            return "utf-16-be"
        if head[1::2] == b"\0\0":
            return "utf-16-le"
    if zeros == 3:
        if head[:3] == b"\0\0\0":
            return "utf-32-be"
        if head[1:] == b"\0\0\0":
            return "utf-32-le"
    return None


def parse_header_links(value: str) -> list[dict[str, str]]:
    """The links of a Link header (RFC 8288), each a dictionary of its URL and parameters.

    ``<https://example.org/2>; rel=next`` gives ``[{"url": "https://example.org/2", "rel": "next"}]``.
    """
    quotes = " '\""
    value = value.strip(quotes)
    links: list[dict[str, str]] = []
    if not value:
        return links
    for entry in re.split(", *<", value):
        url, _, parameters = entry.partition(";")
        link = {"url": url.strip("<> '\"")}
        for parameter in parameters.split(";"):
            parts = parameter.split("=")
            if len(parts) != 2:
                # What follows a malformed parameter is not read.
                break
            link[parts[0].strip(quotes)] = parts[1].strip(quotes)
        links.append(link)
    return links
