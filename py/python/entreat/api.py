"""The functions `get`, `post` and their like: each makes a session, sends one request, and closes the session.

A light module: `import entreat` loads it. What a request does is decided in `sessions`.
"""

from __future__ import annotations

from . import _lanes, sessions
from ._lazy import types as _t
from ._native import express_once as _express_once
from .models import Response

#: Whether these functions may share connections among themselves: a connection that a call has done with stays open for
#: less than a second, in case another call can use it. Only idempotent requests without credentials share.
SHARE_CONNECTIONS = _lanes.allows("express")


def request(method: str, url: _t.UriType, **kwargs: _t.Unpack[_t.RequestKwargs]) -> Response:
    """Send a request and return its response.

    :param method: ``GET``, ``OPTIONS``, ``HEAD``, ``POST``, ``PUT``, ``PATCH``, ``DELETE``, or any other.
    :param url: where to.
    :param params: (optional) what to add to the URL's query: a dictionary, a list of pairs, or bytes.
    :param data: (optional) the body: a dictionary or list of pairs (sent as a form), bytes, or a file-like object.
    :param json: (optional) an object to send as JSON.
    :param headers: (optional) a dictionary of headers.
    :param cookies: (optional) a dictionary or a cookie jar.
    :param files: (optional) files to upload as multipart/form-data: a dictionary, or list of pairs, from field name to a
        file-like object or to a tuple ``(filename, file)``, ``(filename, file, content_type)`` or
        ``(filename, file, content_type, headers)``.
    :param auth: (optional) a ``(user, password)`` tuple for Basic authentication, or a callable.
    :param timeout: (optional) seconds to wait for a connection, and for the server to send something: one number, or a
        tuple ``(connect, read)``. Without it, there is no limit.
    :param allow_redirects: (optional) whether to follow redirects; ``True`` unless said otherwise.
    :param proxies: (optional) a dictionary from URL scheme to the proxy's URL.
    :param verify: (optional) whether to verify the server's certificate, or the path of a bundle of authorities to
        verify it against; ``True`` unless said otherwise.
    :param stream: (optional) whether to leave the body unread until it is asked for.
    :param cert: (optional) the path of a client certificate (.pem), or a tuple ``(certificate, key)``.
    :rtype: requests.Response

    Usage::

      >>> import requests
      >>> requests.request("GET", "https://example.org/")
      <Response [200]>
    """
    if SHARE_CONNECTIONS:
        response = _express_once(method, url, kwargs)
        if response is not None:
            if _lanes.REPORT is not None:
                _lanes.count(response.lane)
            return response
    with sessions.Session() as session:
        return session.request(method=method, url=url, **kwargs)


#: Whoever puts another function in its place is to be called by `get` and its like.
_request = request


def get(url: _t.UriType, params: _t.ParamsType = None, **kwargs: _t.Unpack[_t.GetKwargs]) -> Response:
    r"""Send a GET request.

    :param url: where to.
    :param params: (optional) what to add to the URL's query.
    :param \*\*kwargs: whatever else `request` takes.
    :rtype: requests.Response
    """
    if request is _request and SHARE_CONNECTIONS and _lanes.REPORT is None:
        response = _express_once("get", url, {"params": params, **kwargs})
        if response is not None:
            return response
    return request("get", url, params=params, **kwargs)


def options(url: _t.UriType, **kwargs: _t.Unpack[_t.RequestKwargs]) -> Response:
    r"""Send an OPTIONS request; arguments as for `request`."""
    return request("options", url, **kwargs)


def head(url: _t.UriType, **kwargs: _t.Unpack[_t.RequestKwargs]) -> Response:
    r"""Send a HEAD request; arguments as for `request`, but that redirects are not followed unless asked for."""
    kwargs.setdefault("allow_redirects", False)
    return request("head", url, **kwargs)


def post(
    url: _t.UriType,
    data: _t.DataType = None,
    json: _t.JsonType = None,
    **kwargs: _t.Unpack[_t.PostKwargs],
) -> Response:
    r"""Send a POST request.

    :param url: where to.
    :param data: (optional) the body: a dictionary or list of pairs (sent as a form), bytes, or a file-like object.
    :param json: (optional) an object to send as JSON.
    :param \*\*kwargs: whatever else `request` takes.
    :rtype: requests.Response
    """
    return request("post", url, data=data, json=json, **kwargs)


def put(url: _t.UriType, data: _t.DataType = None, **kwargs: _t.Unpack[_t.DataKwargs]) -> Response:
    r"""Send a PUT request; `data` as for `post`, the rest as for `request`."""
    return request("put", url, data=data, **kwargs)


def patch(url: _t.UriType, data: _t.DataType = None, **kwargs: _t.Unpack[_t.DataKwargs]) -> Response:
    r"""Send a PATCH request; `data` as for `post`, the rest as for `request`."""
    return request("patch", url, data=data, **kwargs)


def delete(url: _t.UriType, **kwargs: _t.Unpack[_t.RequestKwargs]) -> Response:
    r"""Send a DELETE request; arguments as for `request`."""
    return request("delete", url, **kwargs)
