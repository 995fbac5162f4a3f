"""A pytest plugin: `pytest -p entreat.pytest_alias` runs a suite whose `requests` is this package."""

from ._alias import install

install()
