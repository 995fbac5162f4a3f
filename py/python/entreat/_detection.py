"""Which library guesses the charset of a text that does not declare one: chardet if installed, else charset_normalizer.

Apart from `compat`, which re-exports it, so that a response's `text` need not import the rest of `compat`.
"""

from __future__ import annotations

import importlib
from types import ModuleType


def _resolve_char_detection() -> ModuleType | None:
    """The detecting library, or ``None`` where none is installed."""
    for library in ("chardet", "charset_normalizer"):
        try:
            return importlib.import_module(library)
        except ImportError:
            continue
    return None


chardet = _resolve_char_detection()
