#!/usr/bin/env python
"""Where the default bundle of certificate authorities lies: `where()`, which is certifi's.

Whoever packages this for an operating system may let it return another bundle.
"""

from certifi import where

if __name__ == "__main__":
    print(where())
