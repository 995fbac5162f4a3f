"""What `session.options` says that only an adapter can do: retries, how long idle connections live, a key's passphrase.

`_options` calls it when one of these changes, `sessions` when an adapter is mounted or a session is unpickled. An adapter
that is not ours is left alone, and so are retries that a program has chosen. Importing this imports urllib3.
"""

from __future__ import annotations

from urllib3 import Retry

from . import _seam
from ._lazy import types as _t
from ._options import NOTHING, Values
from .adapters import HTTPAdapter


class SessionRetry(Retry):
    """What a number in `session.options.retries` stands for: a class of its own, so that it can be told again."""


def apply_to_adapter(adapter: _t.BaseAdapter, values: Values, before: Values = NOTHING) -> None:
    """Let an adapter go by `values`, where it went by `before`."""
    if not isinstance(adapter, HTTPAdapter):
        return
    if values.retries != before.retries and _is_free(adapter.max_retries, before):
        adapter.max_retries = _as_retry(values.retries)
    rules = values.pool_idle_timeout, values.pool_max_age
    if values.network is not before.network or rules != (before.pool_idle_timeout, before.pool_max_age):
        _seam.set_pool_rules(adapter.poolmanager, rules, values.network)
    if values.key_passphrase != before.key_passphrase:
        # Part of what urllib3 tells pools apart by, so those that are there stay as they are.
        adapter.poolmanager.connection_pool_kw["key_password"] = values.key_passphrase


def _is_free(retries: Retry, before: Values) -> bool:
    """Whether retries are not the program's own choice for this adapter."""
    says_nothing = type(retries) is Retry and retries.total == 0 and not retries.status_forcelist
    return says_nothing or isinstance(retries, SessionRetry) or retries is before.retries


def _as_retry(retries: int | Retry | None) -> Retry:
    if retries is None:
        return Retry(0, read=False)
    if isinstance(retries, Retry):
        return retries
    return SessionRetry(retries, status_forcelist=(429, 502, 503, 504), backoff_factor=0.5, raise_on_status=False)
