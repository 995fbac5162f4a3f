"""Hooks: the callables that a program registers to see, or replace, each response.

There is one event, ``response``: called with the response that an adapter returned, before cookies are stored and
redirects are followed. A light module: `import entreat` loads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ._lazy import types as _t

HOOKS: list[str] = ["response"]


def default_hooks() -> dict[str, list[_t.HookType]]:
    """A fresh table with no hook registered for any event."""
    return {event: [] for event in HOOKS}


def dispatch_hook(
    key: str,
    hooks: _t.HooksInputType | None,
    hook_data: _t.Response,
    **kwargs: _t.Any,
) -> _t.Response:
    """Pass `hook_data` through the hooks of event `key`; what a hook returns, unless ``None``, replaces it."""
    registered: Iterable[_t.HookType] | _t.HookType | None = (hooks or {}).get(key)
    if not registered:
        return hook_data
    if isinstance(registered, Callable):
        registered = [registered]
    for hook in registered:
        replacement = hook(hook_data, **kwargs)
        if replacement is not None:
            hook_data = replacement
    return hook_data
