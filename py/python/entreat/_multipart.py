"""`files=` on the express lane: the multipart body is read from the files while it is sent, not into memory.

What goes over the wire is written by the very functions that requests uses: they are given short marks in the place of
the files, and the files are put where the marks stand. Only files whose length is certain are streamed: regular ones opened
in binary mode, and `io.BytesIO`; with anything else the open lane reads all into memory, as requests does.

`PreparedRequest.body` is bytes in requests, and so it is here, but only when somebody looks at it: then the files are read
once more (`Multipart.whole`). `_express` makes these bodies; `models` and `adapters` know how to put off reading them.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator

from ._lazy import types as _t
from .exceptions import UnrewindableBodyError

#: How much is read at once.
_PIECE = 64 * 1024

_BUFFERED = (io.BufferedReader, io.BufferedRandom, io.FileIO)


class _Part:
    """A file from where it stood to its end."""

    def __init__(self, file: _t.Any, start: int, length: int, identity: tuple | None) -> None:
        self._file = file
        self._start = start
        self.length = length
        #: What tells whether a file opened again is the same, as far as can be told.
        self._identity = identity

    def __iter__(self) -> Iterator[bytes]:
        file = self._open()
        try:
            file.seek(self._start)
            left = self.length
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise OSError(f"{self._name()} has become shorter while it was being sent")
                left -= len(piece)
                yield piece
        finally:
            if file is not self._file:
                file.close()

    def _open(self) -> _t.Any:
        """The file, opened again where the program has closed it."""
        if not self._file.closed:
            return self._file
        name = getattr(self._file, "name", None)
        try:
            again = open(name, "rb") if isinstance(name, (str, bytes)) else None
        except OSError:
            again = None
        if again is not None and _identity(os.fstat(again.fileno())) == self._identity:
            return again
        if again is not None:
            again.close()
        raise UnrewindableBodyError(f"{self._name()} was closed, and is not what it was: the body cannot be read again")

    def _name(self) -> str:
        return f"the file {getattr(self._file, 'name', '')!r}"


class Multipart:
    """A body of bytes and files. An iterable of its pieces, as often as it is asked for."""

    def __init__(self, segments: list[bytes | _Part], content_type: str) -> None:
        self._segments = segments
        self.content_type = content_type
        self.length = sum(len(each) if isinstance(each, bytes) else each.length for each in segments)

    def __iter__(self) -> Iterator[bytes]:
        for segment in self._segments:
            if isinstance(segment, bytes):
                yield segment
            else:
                yield from segment

    def __reduce__(self) -> tuple[_t.Any, ...]:
        # A pickle holds the whole body, as it cannot hold files.
        return Multipart, ([self.whole()], self.content_type)

    def whole(self) -> bytes:
        """All of it."""
        return b"".join(self)


def encode(files: _t.Any, data: _t.Any) -> Multipart | None:
    """The body for `files=` and `data=`; None where the open lane must read, or refuse, what was given."""
    from .models import RequestEncodingMixin
    from .utils import guess_filename, to_key_val_list

    if type(files) not in (dict, list, tuple) or not (data is None or type(data) in (dict, list, tuple)):
        return None
    parts: dict[bytes, _Part] = {}
    marked = []
    try:
        for name, given in to_key_val_list(files):
            filename, content, *rest = given if type(given) in (tuple, list) else (guess_filename(given) or name, given)
            if type(content) not in (str, bytes, bytearray):
                part = _as_part(content)
                if part is None:
                    return None
                content = os.urandom(32)
                parts[content] = part
            marked.append((name, (filename, content, *rest)))
        # Whatever is wrong with these arguments, nothing has been read yet: the open lane finds it too.
        body, content_type = RequestEncodingMixin._encode_files(marked, data)
    except Exception:
        return None
    return Multipart(_put_in_place(body, parts), content_type)


def _put_in_place(body: bytes, parts: dict[bytes, _Part]) -> list[bytes | _Part]:
    segments: list[bytes | _Part] = []
    for mark, part in parts.items():
        before, found, body = body.partition(mark)
        assert found, "what was written as a file's content stands in the body, and in this order"
        segments += before, part
    return [*segments, body]


def _as_part(content: _t.Any) -> _Part | None:
    """A file that can be streamed: its length is certain, and it can be read again."""
    if type(content) is io.BytesIO:
        start = content.tell()
        return _Part(content, start, max(content.getbuffer().nbytes - start, 0), None)
    if type(content) not in _BUFFERED or not content.readable():
        return None
    found = os.fstat(content.fileno())
    # Those of /proc say that they are empty, and are not.
    if not stat.S_ISREG(found.st_mode) or found.st_size == 0:
        return None
    start = content.tell()
    return _Part(content, start, max(found.st_size - start, 0), _identity(found))


def _identity(found: os.stat_result) -> tuple:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
