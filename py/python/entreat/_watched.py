"""What the genuine requests calls below `sessions` and `api` while it serves a request: the express lane takes it for granted.

Module, class (or none), names. Got by tracing requests 2.34.2 through GETs with and without redirects, over http and
https. Whoever replaces one of these means to see it called; `_express` watches those whose module is loaded.
"""

from __future__ import annotations

import sys
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    WrapperDescriptorType,
)

WATCHED: dict[str, dict[str, str]] = {
    "entreat.utils": {
        "": (
            "default_headers default_user_agent get_netrc_auth to_key_val_list requote_uri "
            "unquote_unreserved check_header_validity _validate_header_part get_auth_from_url "
            "get_environ_proxies should_bypass_proxies set_environ select_proxy "
            "get_encoding_from_headers _parse_content_type_header resolve_proxies"
        ),
    },
    "entreat.structures": {
        "CaseInsensitiveDict": "__init__ __setitem__ __len__ __iter__ __getitem__ copy",
    },
    "entreat.hooks": {
        "": "default_hooks dispatch_hook",
    },
    "entreat.cookies": {
        "": ("cookiejar_from_dict merge_cookies get_cookie_header extract_cookies_to_jar _copy_cookie_jar"),
        "RequestsCookieJar": "__iter__ update copy get_policy",
        "MockRequest": "__init__ get_new_headers",
        "MockResponse": "__init__ info",
    },
    "http.cookiejar": {
        "CookieJar": (
            "__init__ __iter__ add_cookie_header _cookies_for_request _cookie_attrs "
            "clear_expired_cookies extract_cookies make_cookies set_policy"
        ),
        "DefaultCookiePolicy": "__init__",
        "": "deepvalues _debug",
    },
    "entreat.adapters": {
        "HTTPAdapter": (
            "__init__ init_poolmanager send get_connection_with_tls_context "
            "build_connection_pool_key_attributes cert_verify request_url add_headers build_response "
            "close"
        ),
        "BaseAdapter": "__init__",
        "": (
            "_urllib3_request_context HTTPAdapter PoolManager Retry parse_url urlparse TimeoutSauce Response "
            "CaseInsensitiveDict extract_cookies_to_jar get_encoding_from_headers select_proxy"
        ),
    },
    "urllib3.util.retry": {
        "Retry": "__init__ is_retry _is_method_retryable",
    },
    "urllib3.poolmanager": {
        "PoolManager": (
            "__init__ connection_from_host _merge_pool_kwargs connection_from_context "
            "connection_from_pool_key _new_pool clear"
        ),
        "": "_default_key_normalizer PoolManager",
    },
    "urllib3._request_methods": {
        "RequestMethods": "__init__",
    },
    "urllib3._collections": {
        "RecentlyUsedContainer": "__init__ __getitem__ __setitem__ clear",
        "HTTPHeaderDict": "__init__ extend add __getitem__ __iter__",
    },
    "entreat.models": {
        "Request": "__init__",
        "PreparedRequest": (
            "__init__ prepare prepare_method prepare_url prepare_headers prepare_cookies prepare_body "
            "prepare_content_length prepare_auth prepare_hooks copy"
        ),
        "RequestEncodingMixin": "_encode_params _encode_files path_url",
        "RequestHooksMixin": "register_hook",
        "Response": "__init__ is_redirect content iter_content close",
    },
    "entreat._internal_utils": {
        "": "to_native_string unicode_is_ascii",
    },
    "urllib3.util.url": {
        "": ("parse_url _normalize_host _remove_path_dot_segments _encode_invalid_chars _encode_target _idna_encode"),
        "Url": "__new__",
    },
    "urllib3.util.util": {
        "": "to_str",
    },
    "urllib.parse": {
        "": (
            "urlencode urlunparse _coerce_args urlunsplit _noop quote quote_from_bytes urlparse "
            "urlsplit _splitnetloc _checknetloc unquote urljoin"
        ),
        "_NetlocResultMixinBase": "username hostname port",
        "_NetlocResultMixinStr": "_userinfo _hostinfo",
        "ParseResult": "geturl",
    },
    "entreat._types": {
        "": "is_prepared",
    },
    "time": {
        "": "time monotonic perf_counter sleep",
    },
    "urllib.request": {
        "": "proxy_bypass_environment getproxies_environment",
    },
    "urllib3.connectionpool": {
        "HTTPConnectionPool": (
            "__init__ urlopen _get_timeout _get_conn _new_conn _make_request _validate_conn _put_conn ConnectionCls"
        ),
        "ConnectionPool": "__init__ _new_pool_queue",
        "": "_normalize_host _close_pool_connections HTTPConnectionPool HTTPSConnectionPool",
        "HTTPSConnectionPool": "__init__ _new_conn _validate_conn ConnectionCls",
    },
    "urllib3.util.timeout": {
        "Timeout": (
            "from_float __init__ _validate_timeout clone connect_timeout resolve_default_timeout "
            "start_connect read_timeout"
        ),
    },
    "urllib3.util.proxy": {
        "": "connection_requires_http_tunnel",
    },
    "urllib3.util.request": {
        "": "set_file_position body_to_chunks",
    },
    "urllib3.connection": {
        "HTTPConnection": (
            "__init__ host request putrequest putheader connect _new_conn is_closed getresponse "
            "is_connected close proxy_is_tunneling proxy_is_forwarding"
        ),
        "": (
            "_normalize_header_values _normalize_header_value _ssl_wrap_socket_and_match_hostname "
            "HTTPConnection HTTPSConnection"
        ),
        "HTTPSConnection": "__init__ connect",
    },
    "http.client": {
        "HTTPConnection": (
            "debuglevel __init__ _get_hostport _validate_host putrequest _validate_method _validate_path "
            "_encode_request _output putheader endheaders _send_output send getresponse close"
        ),
        "HTTPResponse": "__init__ begin _read_status _check_close isclosed read _close_conn close flush",
        "": "parse_headers _read_headers HTTPConnection HTTPSConnection HTTPResponse",
        "HTTPSConnection": "__init__ connect",
    },
    "urllib3.util.connection": {
        "": "create_connection allowed_gai_family _set_socket_options is_connection_dropped",
    },
    "socket": {
        "": ("socket create_connection getaddrinfo SocketIO setdefaulttimeout getdefaulttimeout _intenum_converter"),
        "socket": (
            "__init__ setsockopt settimeout connect sendall makefile recv_into _decref_socketios close "
            "_real_close getsockopt family type fileno gettimeout detach send recv"
        ),
        "SocketIO": "__init__ readable readinto _checkClosed _checkReadable close",
    },
    "urllib3.util.response": {
        "": "assert_header_parsing is_fp_closed",
    },
    "urllib3.response": {
        "HTTPResponse": "__init__ _init_length stream read _raw_read _error_catcher _fp_read release_conn closed",
        "BaseHTTPResponse": "__init__ retries _init_decoder _decode",
        "BytesQueueBuffer": "__init__ __len__ put get",
    },
    "urllib3.util.wait": {
        "": "wait_for_read _have_working_poll poll_wait_for_socket",
    },
    "select": {
        "": "poll",
        "poll": "poll register",
    },
    "urllib3.util.ssl_": {
        "": (
            "resolve_ssl_version resolve_cert_reqs create_urllib3_context is_ipaddress ssl_wrap_socket "
            "_ssl_wrap_socket_impl"
        ),
    },
    "ssl": {
        "SSLContext": (
            "__new__ minimum_version options verify_flags verify_mode hostname_checks_common_name "
            "load_verify_locations set_alpn_protocols _set_alpn_protocols wrap_socket _encode_hostname "
            "_wrap_socket"
        ),
        "SSLSocket": (
            "_create getpeername settimeout gettimeout do_handshake _check_connected sendall "
            "_checkClosed send recv_into read"
        ),
        "": "SSLContext SSLSocket create_default_context wrap_socket",
    },
}


def is_at_home(owner, name: str) -> bool:
    """Whether a thing is what its library made it, as far as can be told: a replacement may have come before us."""
    value = getattr(owner, name)
    if isinstance(value, MethodType):
        value = value.__func__
    if _is_decorated(value):
        value = value.__wrapped__
    if isinstance(value, FunctionType):
        # From a module of the stack: what it says of itself, which `functools.wraps` copies, and where its code stands.
        if hasattr(value, "__wrapped__") or value.__module__.partition(".")[0] not in _HOMES:
            return False
        return value.__code__.co_filename == getattr(sys.modules.get(value.__module__), "__file__", None)
    if type(value) is int:
        # `debuglevel`.
        return value == 0
    if isinstance(value, type):
        return value.__module__.partition(".")[0] in _HOMES
    return isinstance(value, _MADE_IN_C) or type(value).__module__.partition(".")[0] in _HOMES


def _is_decorated(value) -> bool:
    """Whether a thing is what the standard library's decorators make of a function where it is defined."""
    if not hasattr(value, "__wrapped__"):
        return False
    code = getattr(value, "__code__", None)
    return type(value).__module__ == "functools" or (code is not None and code.co_filename.endswith("contextlib.py"))


_HOMES = (
    "socket",
    "ssl",
    "http",
    "urllib",
    "urllib3",
    "_socket",
    "_ssl",
    "io",
    "time",
    "select",
    __package__,
    "requests",
)
_MADE_IN_C = (
    BuiltinFunctionType,
    MethodDescriptorType,
    WrapperDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    bool,
    list,
    property,
    classmethod,
    staticmethod,
    type(sys),
)
