"""Single calls: what is asked, and what the answer is, as tables. Each row is a program of one line.

`calls()` gives them all as tasks for `programs.as_program`. Rows that need more than one call are functions there.
"""

import base64
import gzip
import zlib
from collections import OrderedDict

from peers import CLOSE, RESET, response

# Calls: what is asked, over the standard answer.

CALLS = {
    "get": ("GET", "/"),
    "get without a path": ("GET", ""),
    "get a path and a query": ("GET", "/a/b;c?d=e&f"),
    "get an empty query": ("GET", "/?"),
    "get a query without a path": ("GET", "?a=b"),
    "get a fragment": ("GET", "/a#fragment"),
    "get only a fragment": ("GET", "#fragment"),
    "get dot segments": ("GET", "/a/./b/../c"),
    "get a dot segment at the end": ("GET", "/a/.."),
    "get spaces": ("GET", "/a b?c d"),
    "get quotes and brackets": ("GET", '/"<>`{}|\\^[]?"<>`{}|\\^[]'),
    "get letters of the world": ("GET", "/ü/日本?ключ=значение"),
    "get escapes": ("GET", "/%7Euser/%2f%2F/%e2%82%ac?%41=%20%2b+"),
    "get broken escapes": ("GET", "/%/%zz/%4?%"),
    "get control characters": ("GET", "/a\tb\nc\x7f"),
    "get doubled slashes": ("GET", "//a//b"),
    "get an asterisk": ("GET", "/*'();:@&=+$,!~-._"),
    "leading space in the url": ("GET", " /"),
    "head": ("HEAD", "/"),
    "options": ("OPTIONS", "/"),
    "delete": ("DELETE", "/"),
    "post nothing": ("POST", "/"),
    "put nothing": ("PUT", "/"),
    "patch nothing": ("PATCH", "/"),
    "a method of one's own": ("PURGE", "/"),
    "a method in lower case": ("gEt", "/"),
    "a method with a hyphen": ("m-search", "/"),
    "params": ("GET", "/", {"params": {"a": "b", "c": "d e", "f": "ü&="}}),
    "params behind a query": ("GET", "/?x=y", {"params": {"a": "b"}}),
    "params before a fragment": ("GET", "/?x=y#f", {"params": {"a": "b"}}),
    "params without a path": ("GET", "", {"params": {"a": "b"}}),
    "params with lists and none": ("GET", "/", {"params": {"a": ["1", "2"], "b": None, "c": [], "d": ("x", "y")}}),
    "params of numbers": ("GET", "/", {"params": {"i": 1, "f": 1.5, "t": True, "n": -3}}),
    "params of bytes": ("GET", "/", {"params": {b"a": b"\xff b"}}),
    "params as pairs": ("GET", "/", {"params": [("a", "1"), ("a", "2"), ("b", None)]}),
    "params as text": ("GET", "/", {"params": "a=b&c=d e"}),
    "params as bytes": ("GET", "/", {"params": b"a=b&c=%20"}),
    "params empty": ("GET", "/", {"params": {}}),
    "params all none": ("GET", "/", {"params": {"a": None}}),
    "params of an empty name": ("GET", "/", {"params": {"": "", "a": ""}}),
    "params ordered": ("GET", "/", {"params": OrderedDict([("b", "1"), ("a", "2")])}),
    "params with a nested dictionary": ("GET", "/", {"params": {"a": {"b": "c"}}}),
    "headers": ("GET", "/", {"headers": {"X-One": "1", "x-two": "2"}}),
    "headers over the default ones": ("GET", "/", {"headers": {"user-agent": "mine", "ACCEPT": "text/html"}}),
    "headers taken away": ("GET", "/", {"headers": {"Accept": None, "User-Agent": None}}),
    "headers all taken away": (
        "GET",
        "/",
        {"headers": dict.fromkeys(("Accept", "User-Agent", "Accept-Encoding", "Connection"))},
    ),
    "headers of bytes": ("GET", "/", {"headers": {b"X-Bytes": b"caf\xe9"}}),
    "headers of latin-1": ("GET", "/", {"headers": {"X-Text": "café"}}),
    "headers beyond latin-1": ("GET", "/", {"headers": {"X-Text": "日本"}}),
    "headers with spaces at the end": ("GET", "/", {"headers": {"X-A": "a  ", "X-B": "b\t"}}),
    "headers empty": ("GET", "/", {"headers": {"X-Empty": ""}}),
    "headers with a host": ("GET", "/", {"headers": {"Host": "example.org"}}),
    "headers with connection close": ("GET", "/", {"headers": {"Connection": "close"}}),
    "headers with a cookie": ("GET", "/", {"headers": {"Cookie": "a=b"}}),
    "headers with a cookie and cookies": ("GET", "/", {"headers": {"Cookie": "a=b"}, "cookies": {"c": "d"}}),
    "headers with authorization": ("GET", "/", {"headers": {"Authorization": "Bearer token"}}),
    "headers with authorization and auth": ("GET", "/", {"headers": {"Authorization": "x"}, "auth": ("a", "b")}),
    "headers with a content type": ("POST", "/", {"headers": {"content-type": "text/csv"}, "data": {"a": "b"}}),
    "headers with a content type and json": ("POST", "/", {"headers": {"Content-Type": "x/y"}, "json": {}}),
    "headers with a content length": ("POST", "/", {"headers": {"Content-Length": "1"}, "data": b"abc"}),
    "headers with a content length and no body": ("POST", "/", {"headers": {"Content-Length": "0"}}),
    "headers with chunked framing": ("POST", "/", {"headers": {"Transfer-Encoding": "chunked"}, "data": b"abc"}),
    "headers with an expectation": ("POST", "/", {"headers": {"X": "1", "Expect": ""}, "data": b"abc"}),
    "headers twice in two cases": ("GET", "/", {"headers": {"X-A": "1", "x-a": "2"}}),
    "headers of a wrong type": ("GET", "/", {"headers": {"X": 1}}),
    "headers that would break the head": ("GET", "/", {"headers": {"X": "a\r\nb"}}),
    "headers with a control character": ("GET", "/", {"headers": {"X": "a\0b"}}),
    "headers that begin with a space": ("GET", "/", {"headers": {"X": " a"}}),
    "a header name with a space": ("GET", "/", {"headers": {"X Y": "a"}}),
    "a folded header": ("GET", "/", {"headers": {"X": "a\r\n b"}}),
    "a form": ("POST", "/", {"data": {"name": "John", "job": "developer"}}),
    "a form with lists and none": ("POST", "/", {"data": {"a": ["1", "2"], "b": None, "c": ("3",)}}),
    "a form of all kinds": ("POST", "/", {"data": {"i": 1, "f": 2.5, "b": b"\xff", "t": True, "u": "ü €"}}),
    "a form as pairs": ("POST", "/", {"data": [("a", "1"), ("a", "2")]}),
    "a form as tuples": ("POST", "/", {"data": (("a", "1"), ("b", "2"))}),
    "a form without values": ("POST", "/", {"data": {"a": None}}),
    "a form that is empty": ("POST", "/", {"data": {}}),
    "a form by get": ("GET", "/", {"data": {"a": "b"}}),
    "text": ("POST", "/", {"data": "plain"}),
    "text of the world": ("POST", "/", {"data": "ü €"}),
    "text that is empty": ("POST", "/", {"data": ""}),
    "bytes": ("PUT", "/", {"data": b"\0\xff\r\n"}),
    "bytes that are empty": ("PUT", "/", {"data": b""}),
    "a bytearray": ("POST", "/", {"data": bytearray(b"abc")}),
    "json": ("POST", "/", {"json": {"a": [1, 2.5, None, True, "ü"]}}),
    "json of falsy values": ("POST", "/", {"json": {}}),
    "json zero": ("POST", "/", {"json": 0}),
    "json of text": ("POST", "/", {"json": "text"}),
    "json by get": ("GET", "/", {"json": [1]}),
    "json and data": ("POST", "/", {"json": {"a": 1}, "data": {"b": 2}}),
    "json and empty data": ("POST", "/", {"json": {"a": 1}, "data": {}}),
    "json that is none": ("POST", "/", {"json": {"a": float("nan")}}),
    "json of an unknown type": ("POST", "/", {"json": {1, 2}}),
    "json with numbers for keys": ("POST", "/", {"json": {1: 2, None: 3}}),
    "a file": ("POST", "/", {"files": {"file": ("name.txt", b"content")}}),
    "a file with a type": ("POST", "/", {"files": {"file": ("name.txt", b"content", "text/plain")}}),
    "a file with headers": ("POST", "/", {"files": {"f": ("n", "content", "text/plain", {"X-Part": "1"})}}),
    "a file and a form": ("POST", "/", {"files": {"f": b"x"}, "data": {"a": ["1", "2"], "b": None}}),
    "files as pairs": ("POST", "/", {"files": [("f", ("a", b"1")), ("f", ("b", b"2"))]}),
    "a file with a name of the world": ("POST", "/", {"files": {"f": ('ü".txt', b"1")}}),
    "a file without a name": ("POST", "/", {"files": {"f": (None, "value")}}),
    "a file that is text": ("POST", "/", {"files": {"f": "text ü"}}),
    "a file that is none": ("POST", "/", {"files": {"f": None}}),
    "files and text": ("POST", "/", {"files": {"f": b"1"}, "data": "text"}),
    "files that are empty": ("POST", "/", {"files": {}}),
    "auth": ("GET", "/", {"auth": ("user", "pass")}),
    "auth of latin-1": ("GET", "/", {"auth": ("üser", "päss")}),
    "auth beyond latin-1": ("GET", "/", {"auth": ("日本", "x")}),
    "auth of bytes": ("GET", "/", {"auth": (b"user", b"p\xff")}),
    "auth with a colon": ("GET", "/", {"auth": ("a:b", "c:d")}),
    "auth that is empty": ("GET", "/", {"auth": ("", "")}),
    "auth of numbers": ("GET", "/", {"auth": (1, 2)}),
    "auth as a list": ("GET", "/", {"auth": ["user", "pass"]}),
    "auth of one": ("GET", "/", {"auth": ("user",)}),
    "cookies": ("GET", "/", {"cookies": {"a": "b", "c": "d"}}),
    "cookies in need of quotes": ("GET", "/", {"cookies": {"a": 'x "y"; z', "b": "ü", "c": ""}}),
    "cookies that are none": ("GET", "/", {"cookies": {"a": None}}),
    "cookies of numbers": ("GET", "/", {"cookies": {"a": 1}}),
    "cookies that are empty": ("GET", "/", {"cookies": {}}),
    "a time-out": ("GET", "/", {"timeout": 5}),
    "a time-out of zero": ("GET", "/", {"timeout": 0}),
    "a negative time-out": ("GET", "/", {"timeout": -1}),
    "a time-out that is no number": ("GET", "/", {"timeout": "5"}),
    "a time-out of text": ("GET", "/", {"timeout": "soon"}),
    "a time-out of three": ("GET", "/", {"timeout": (1, 2, 3)}),
    "a time-out as a list": ("GET", "/", {"timeout": [1, 2]}),
    "a time-out that is true": ("GET", "/", {"timeout": True}),
    "a time-out that is not a number": ("GET", "/", {"timeout": float("nan")}),
    "a time-out for ever": ("GET", "/", {"timeout": float("inf")}),
    "stream": ("GET", "/", {"stream": True}),
    "verify over http": ("GET", "/", {"verify": "/missing"}),
    "a certificate that is missing": ("GET", "/", {"cert": "/missing"}),
    "a certificate and key that are missing": ("GET", "/", {"cert": ("/missing", "/missing.key")}),
    "hooks that are unknown": ("GET", "/", {"hooks": {"unknown": len}}),
    "no proxies": ("GET", "/", {"proxies": {}}),
    "a proxy for another scheme": ("GET", "/", {"proxies": {"ftp": "http://127.0.0.1:1"}}),
    "a proxy that is malformed": ("GET", "/", {"proxies": {"http": "http:///"}}),
    "a proxy that refuses": ("GET", "/", {"proxies": {"http": "http://127.0.0.1:1"}}),
}

#: Calls to a URL of their own.
ELSEWHERE = {
    "no scheme": "127.0.0.1/",
    "an empty url": "",
    "an unknown scheme": "foo://127.0.0.1/",
    "mail": "mailto:john@example.org",
    "data": "data:text/plain,hello",
    "an upper-case unknown scheme": "FOO://Example/",
    "no host": "http://",
    "no host but a path": "http:///path",
    "no host but a port": "http://:80/",
    "a star for a host": "http://*example.org/",
    "a dot before the host": "http://.example.org/",
    "a space in the host": "http://a b/",
    "a port of letters": "http://127.0.0.1:port/",
    "a port out of range": "http://127.0.0.1:99999/",
    "a port without a number": "http://127.0.0.1:/",
    "half an address": "http://[::1/",
    "no address": "http://[::1::]/",
    "nobody listens": "http://127.0.0.1:1/path?query",
    "nobody listens, with credentials": "http://user:pass@127.0.0.1:1/",
    "nobody listens for https": "https://127.0.0.1:1/",
    "nobody listens on ::1": "http://[::1]:1/",
    "a name that does not exist": "http://nowhere.invalid/",
    "a name too long": "http://" + "a" * 64 + ".invalid/",
    "a name of the world that does not exist": "http://bücher.invalid/ü",
    "an underscore": "http://a_b.invalid/",
    "http without slashes": "http:127.0.0.1",
    "http in upper case": "HTTP://127.0.0.1:1/",
    "httpx": "httpx://127.0.0.1/",
    "http and a plus": "http+unix://%2Fsocket/",
}

SESSIONS = {
    "session headers": ({"headers": {"X-Session": "1", "user-agent": "mine"}}, {}),
    "session headers and headers": ({"headers": {"X-A": "s", "X-B": "s"}}, {"headers": {"x-a": "r", "X-C": "r"}}),
    "session headers taken away": ({"headers": {"X-A": "s"}}, {"headers": {"x-a": None, "accept": None}}),
    "session header of none": ({"headers": {"Accept": None}}, {}),
    "session auth": ({"auth": ("user", "pass")}, {}),
    "session auth and auth": ({"auth": ("user", "pass")}, {"auth": ("other", "pass")}),
    "session params": ({"params": {"a": "s", "b": "s"}}, {"params": {"a": "r", "c": "r"}}),
    "session params and text": ({"params": {"a": "s"}}, {"params": "b=r"}),
    "session cookies": ({"cookies": {"a": "s", "b": "s"}}, {"cookies": {"a": "r"}}),
    "session stream": ({"stream": True}, {}),
    "session verify": ({"verify": False}, {}),
    "session without environment": ({"trust_env": False}, {}),
    "session without redirects": ({"max_redirects": 0}, {}),
    "session hooks": ({"hooks": {"response": [len]}}, {}),
    "session proxies": ({"proxies": {"http": "http://127.0.0.1:1"}}, {"timeout": 5}),
    "session proxies taken away": ({"proxies": {"http": "http://127.0.0.1:1"}}, {"proxies": {"http": None}}),
    "session proxies and no_proxy": ({"proxies": {"http": "http://127.0.0.1:1", "no_proxy": "127.0.0.1"}}, {}),
    "session certificate": ({"cert": "/missing"}, {}),
}  # fmt: skip

OK = response("200 OK", b"hello", Content_Type="text/plain")

#: What a server may answer to a plain GET: bytes, or steps.
ANSWERS = {
    "no content": response("204 No Content"),
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    "an empty reason": b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    "a long reason": response("200 All is very well"),
    "a reason of the world": b"HTTP/1.1 404 Nicht gef\xc3\xbcnden\r\nContent-Length: 0\r\n\r\n",
    "a reason of latin-1": b"HTTP/1.1 500 Zut\xe9\r\nContent-Length: 0\r\n\r\n",
    "an unknown status": response("299 Odd", b"x"),
    "a status of 999": response("999 Odd", b"x"),
    "not modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: x\r\n\r\n",
    "unauthorized": response("401 Unauthorized", b"x", WWW_Authenticate='Basic realm="x"'),
    "a server error": response("503 Service Unavailable", b"busy", Retry_After="1"),
    "HTTP/1.0": [b"HTTP/1.0 200 OK\r\n\r\nuntil the end", CLOSE],
    "until the end": [b"HTTP/1.1 200 OK\r\n\r\nuntil the end", CLOSE],
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "chunks with extensions": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0;c\r\n\r\n",
    "chunks with trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"
    ),
    "chunks in upper case": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
    "chunks and a length": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "chunks cut": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", CLOSE],
    "chunks without an end": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CLOSE],
    "a chunk size that is none": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n", CLOSE],
    "a short body": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", CLOSE],
    "no body where one is due": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", CLOSE],
    "a body that is reset": [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", 0.05, RESET],
    "a long body": response("200 OK", bytes(range(256)) * 400),
    "a length of letters": [b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello", CLOSE],
    "a negative length": [b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", CLOSE],
    "two lengths alike": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "two lengths": [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", CLOSE],
    "lengths in a list": [b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", CLOSE],
    "nothing": [CLOSE],
    "a reset": [RESET],
    "half a head": [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE],
    "half a status line": [b"HTTP/1", CLOSE],
    "a status line of another protocol": [b"ICY 200 OK\r\n\r\n", CLOSE],
    "a status of letters": [b"HTTP/1.1 abc OK\r\n\r\n", CLOSE],
    "a status of two digits": [b"HTTP/1.1 20 OK\r\n\r\n", CLOSE],
    "a version that is unknown": [b"HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n", CLOSE],
    "bare newlines": [b"HTTP/1.1 200 OK\nContent-Length: 5\nX: y\n\nhello", CLOSE],
    "a head without fields": [b"HTTP/1.1 200 OK\r\n\r\n", CLOSE],
    "many headers": response("200 OK", b"", **{f"X_{number}": "v" for number in range(90)}),
    "too many headers": [response("200 OK", b"", **{f"X_{number}": "v" for number in range(200)}), CLOSE],
    "a long header": response("200 OK", b"", X="v" * 60000),
    "too long a header": [response("200 OK", b"", X="v" * 70000), CLOSE],
    "headers of one name": b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nX-B: 3\r\nX-A: 4\r\nContent-Length: 0\r\n\r\n",
    "headers of latin-1": b"HTTP/1.1 200 OK\r\nX-Text: caf\xe9\r\nContent-Length: 0\r\n\r\n",
    "headers of utf-8": b"HTTP/1.1 200 OK\r\nX-Text: caf\xc3\xa9\r\nContent-Length: 0\r\n\r\n",
    "headers with spaces": b"HTTP/1.1 200 OK\r\nX-A:   a b  \r\nX-B:b\r\nX-C:\r\nContent-Length: 0\r\n\r\n",
    "a header with a space before the colon": [b"HTTP/1.1 200 OK\r\nX-A : a\r\nContent-Length: 0\r\n\r\n", CLOSE],
    "a header without a colon": [b"HTTP/1.1 200 OK\r\nX-A\r\nX-B: b\r\nContent-Length: 0\r\n\r\n", CLOSE],
    "a folded header": [b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 0\r\n\r\n", CLOSE],
    "one interim response": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    "switching protocols": [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nother", CLOSE],
    "links": response("200 OK", b"", Link='<http://a/>; rel="next"; title="x, y", </b>; rel=prev, <c>'),
    "json": response("200 OK", b'{"a": [1, "\xc3\xbc"]}', Content_Type="application/json"),
    "json that is none": response("200 OK", b"{'a'", Content_Type="application/json"),
    "json of utf-16": response("200 OK", '{"a": "ü"}'.encode("utf-16"), Content_Type="application/json"),
    "json with a mark": response("200 OK", b"\xef\xbb\xbf{}", Content_Type="application/json"),
    "json of another charset": response("200 OK", b'{"a": "\xfc"}', Content_Type="application/json; charset=latin-1"),
    "html": response("200 OK", "<p>ü".encode(), Content_Type="text/html"),
    "html of utf-8": response("200 OK", "<p>ü".encode(), Content_Type="text/html; charset=utf-8"),
    "html of UTF-8": response("200 OK", "<p>ü".encode(), Content_Type='text/html; Charset="UTF-8"'),
    "text of an unknown charset": response("200 OK", b"x\xff", Content_Type="text/plain; charset=unknown"),
    "text of an empty charset": response("200 OK", b"x\xff", Content_Type="text/plain; charset="),
    "text without a type": response("200 OK", "Füße über Straßen, größer und schöner".encode()),
    "lines": response("200 OK", b"one\r\ntwo\n\nthree\rfour\n", Content_Type="text/plain; charset=utf-8"),
    "an image": response("200 OK", b"\x89PNG\r\n\x1a\n", Content_Type="image/png"),
    "gzip": response("200 OK", gzip.compress(b"hello", mtime=0), Content_Encoding="gzip"),
    "x-gzip": response("200 OK", gzip.compress(b"hello", mtime=0), Content_Encoding="x-gzip"),
    "gzip in upper case": response("200 OK", gzip.compress(b"hello", mtime=0), Content_Encoding="GZip"),
    "gzip twice": response(
        "200 OK", gzip.compress(gzip.compress(b"hello", mtime=0), mtime=0), Content_Encoding="gzip, gzip"
    ),
    "gzip in members": response(
        "200 OK", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0), Content_Encoding="gzip"
    ),
    "gzip and garbage": response("200 OK", gzip.compress(b"hello", mtime=0) + b"xyz", Content_Encoding="gzip"),
    "gzip cut": response("200 OK", gzip.compress(b"hello" * 20, mtime=0)[:-9], Content_Encoding="gzip"),
    "gzip with a wrong sum": response("200 OK", gzip.compress(b"hello", mtime=0)[:-8] + b"\0" * 8, Content_Encoding="gzip"),
    "gzip that is none": response("200 OK", b"hello", Content_Encoding="gzip"),
    "gzip that is empty": response("200 OK", b"", Content_Encoding="gzip"),
    "gzip in chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n%x\r\n" % 25
        + gzip.compress(b"hello", mtime=0) + b"\r\n0\r\n\r\n"
    ),
    "deflate": response("200 OK", zlib.compress(b"hello"), Content_Encoding="deflate"),
    "deflate that is raw": response("200 OK", zlib.compress(b"hello")[2:-4], Content_Encoding="deflate"),
    "deflate that is none": response("200 OK", b"hello", Content_Encoding="deflate"),
    "brotli": response("200 OK", base64.b64decode("CwKAaGVsbG8D"), Content_Encoding="br"),
    "brotli that is none": response("200 OK", b"hello hello", Content_Encoding="br"),
    "nothing in an unknown coding": response("200 OK", b"", Content_Encoding="unknown"),
    "identity": response("200 OK", b"hello", Content_Encoding="identity"),
    "an unknown coding": response("200 OK", b"hello", Content_Encoding="unknown"),
    "two codings": response("200 OK", gzip.compress(zlib.compress(b"hello"), mtime=0), Content_Encoding="deflate, gzip"),
    "a cookie": response(Set_Cookie="a=b; Path=/; HttpOnly"),
    "a cookie for ever": response(Set_Cookie="a=b; Expires=Fri, 31 Dec 2049 23:59:59 GMT; Secure"),
    "cookies": b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d; Path=/x\r\nContent-Length: 0\r\n\r\n",
    "a cookie of another host": response(Set_Cookie="a=b; Domain=example.org"),
    "a cookie that is broken": response(Set_Cookie="; =x; a"),
    "a cookie in quotes": response(Set_Cookie='a="b c"; Version=1'),
}  # fmt: skip

#: Redirects: what the answers are, and the arguments of the call.
REDIRECTS = {
    f"{method} {status}": (
        method,
        [response(status, b"" if method == "HEAD" else b"moved", Location="/two")],
        {"data": b"x"} if method == "POST" else {},
    )
    for method in ("GET", "HEAD", "POST", "PUT")
    for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent")
} | {
    "300 is none": ("GET", [response("300 Multiple", Location="/two")], {}),
    "304 is none": ("GET", [b"HTTP/1.1 304 Not Modified\r\nLocation: /two\r\n\r\n"], {}),
    "200 is none": ("GET", [response("200 OK", Location="/two")], {}),
    "without a location": ("GET", [response("302 Found")], {}),
    "an empty location": ("GET", [response("302 Found", Location=""), OK], {}),
    "a relative location": ("GET", [response("302 Found", Location="three?a=b")], {}),
    "a query for a location": ("GET", [response("302 Found", Location="?a=b")], {}),
    "dots in the location": ("GET", [response("302 Found", Location="../x/./y")], {}),
    "spaces in the location": ("GET", [response("302 Found", Location="/a b%20c%zz")], {}),
    "utf-8 in the location": ("GET", [b"HTTP/1.1 302 Found\r\nLocation: /\xc3\xbc\r\nContent-Length: 0\r\n\r\n"], {}),
    "latin-1 in the location": ("GET", [b"HTTP/1.1 302 Found\r\nLocation: /\xfc\r\nContent-Length: 0\r\n\r\n"], {}),
    "a fragment in the location": ("GET", [response("302 Found", Location="/two#new")], {}),
    "two locations": ("GET", [b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"], {}),
    "to another scheme": ("GET", [response("302 Found", Location="ftp://127.0.0.1/")], {}),
    "to no host": ("GET", [response("302 Found", Location="http:///x")], {}),
    "to nobody": ("GET", [response("302 Found", Location="http://127.0.0.1:1/")], {}),
    "to nobody, with authorization": (
        "GET", [response("302 Found", Location="http://127.0.0.1:1/")], {"auth": ("a", "b")},
    ),
    "not followed": ("GET", [response("302 Found", b"moved", Location="/two")], {"allow_redirects": False}),
    "not followed and streamed": (
        "GET", [response("302 Found", b"moved", Location="/two")], {"allow_redirects": False, "stream": True},
    ),
    "not followed, breaking off": (
        "GET", [[b"HTTP/1.1 302 Found\r\nLocation: /two\r\nContent-Length: 9\r\n\r\n", CLOSE]], {"allow_redirects": False},
    ),
    "not followed to nowhere": ("GET", [response("302 Found", Location="foo:bar")], {"allow_redirects": False}),
    "with a body in chunks": (
        "GET",
        [b"HTTP/1.1 302 Found\r\nLocation: /two\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
        {},
    ),
    "with a body that breaks off": (
        "GET", [[b"HTTP/1.1 302 Found\r\nLocation: /two\r\nContent-Length: 9\r\n\r\nabc", CLOSE]], {},
    ),
    "with a body that cannot be decoded": (
        "GET", [response("302 Found", b"abc", Location="/two", Content_Encoding="gzip")], {},
    ),
    "with a cookie": ("GET", [response("302 Found", Location="/two", Set_Cookie="a=b; Path=/")], {}),
    "with a cookie of one's own": (
        "GET", [response("302 Found", Location="/two", Set_Cookie="a=b; Path=/")], {"cookies": {"c": "d", "a": "x"}},
    ),
    "with a Cookie header": ("GET", [response("302 Found", Location="/two")], {"headers": {"Cookie": "a=b"}}),
    "that takes a cookie away": (
        "GET", [response("302 Found", Location="/two", Set_Cookie="c=; Path=/; Max-Age=0")], {"cookies": {"c": "d"}},
    ),
    "with authorization": ("GET", [response("302 Found", Location="/two")], {"auth": ("user", "pass")}),
    "with params": ("GET", [response("302 Found", Location="/two")], {"params": {"a": "b"}}),
    "twice": ("GET", [response("302 Found", Location="/two"), response("301 Moved", Location="/three")], {}),
    "with json": ("POST", [response("307 Temporary", Location="/two")], {"json": {"a": 1}}),
    "with a form": ("POST", [response("308 Permanent", Location="/two")], {"data": {"a": 1}}),
    "a form that is dropped": ("POST", [response("303 See Other", Location="/two")], {"data": {"a": 1}}),
    "with files": ("POST", [response("307 Temporary", Location="/two")], {"files": {"f": b"1"}}),
    "with stream": ("GET", [response("302 Found", b"moved", Location="/two")], {"stream": True}),
    "with a host header": ("GET", [response("302 Found", Location="/two")], {"headers": {"Host": "example.org"}}),
    "around in a circle": ("GET", [response("302 Found", Location="/two")] * 40, {}),
    "closing": ("GET", [[response("302 Found", Location="/two", Connection="close"), CLOSE]], {}),
}  # fmt: skip


def calls():
    """Name and task of every call."""
    for name, (method, path, *arguments) in CALLS.items():
        task = {"method": method, "path": path, "arguments": arguments[0] if arguments else {}, "answers": [OK]}
        yield f"module: {name}", task
        yield f"session: {name}", {**task, "session": {}}
    for name, url in ELSEWHERE.items():
        task = {"method": "GET", "url": url, "path": None, "arguments": {}, "answers": []}
        yield f"elsewhere: {name}", {**task, "session": {}}
    for name, (settings, arguments) in SESSIONS.items():
        task = {"method": "GET", "path": "/path", "arguments": arguments, "answers": [OK], "session": settings}
        yield name, task
        yield f"{name}, posting", {**task, "method": "POST"}
    for name, answer in ANSWERS.items():
        for stream in (False, True):
            task = {"method": "GET", "path": "/", "arguments": {"stream": stream}, "answers": [answer], "session": {}}
            yield f"answer: {name}" + ", streamed" * stream, task
    for coding in ("gzip", "br", "unknown"):
        answer = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 9\r\n\r\n".encode()
        task = {"method": "HEAD", "path": "/", "arguments": {}, "answers": [answer], "session": {}}
        yield f"head of {coding}", task
    for name, (method, answers, arguments) in REDIRECTS.items():
        task = {"method": method, "path": "/one/?x=y", "arguments": arguments, "answers": [*answers], "session": {}}
        yield f"redirect: {name}", task
        yield f"redirect with a fragment: {name}", {**task, "path": "/one/?x=y#old"}
