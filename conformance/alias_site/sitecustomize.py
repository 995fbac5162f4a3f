"""Makes `requests` mean entreat in every process of a suite's run: this folder is first on the run's `PYTHONPATH`."""

import entreat

entreat.install()
