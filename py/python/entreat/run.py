"""`python -m entreat.run SCRIPT ...` or `-m MODULE ...` or `-c CODE ...`: run a program whose `requests` is this package.

As if by `python SCRIPT ...`, after `entreat.install()`. Nothing of the program or the environment is changed.
"""

from __future__ import annotations

import os
import runpy
import sys

from ._alias import install

_USAGE = "usage: python -m entreat.run (SCRIPT | -m MODULE | -c CODE) [ARGUMENT ...]"


def main(arguments: list[str] | None = None) -> None:
    """Run the program that the command line names."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if arguments else sys.stderr)
        raise SystemExit(0 if arguments else 2)
    install()
    if arguments[0] not in ("-m", "-c"):
        _run_script(arguments)
    elif len(arguments) < 2:
        raise SystemExit(_USAGE)
    elif arguments[0] == "-m":
        _run_module(arguments[1:])
    else:
        _run_code(arguments[1:])


def _run_script(arguments: list[str]) -> None:
    script = arguments[0]
    sys.argv[:] = arguments
    # A folder or zip file brings its own `__main__`, and runpy enters it itself.
    if os.path.isfile(script):
        sys.path[0] = os.path.dirname(os.path.abspath(script))
    runpy.run_path(script, run_name="__main__")


def _run_module(arguments: list[str]) -> None:
    sys.argv[:] = arguments
    # `python -m entreat.run` has put the working directory there already, as `python -m` does.
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _run_code(arguments: list[str]) -> None:
    sys.argv[:] = ["-c", *arguments[1:]]
    sys.path[0] = ""
    exec(compile(arguments[0], "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})


if __name__ == "__main__":
    main()
