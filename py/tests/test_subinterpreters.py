"""A subinterpreter is refused in clear words, and the main interpreter goes on."""

import subprocess
import sys
import textwrap

import pytest
from peers import Answers, Peer, response

#: In a subinterpreter, which shares nothing but the process.
TRIED = """
try:
    import entreat
except ImportError as error:
    print("refused:", error, flush=True)
"""

PROGRAM = """
import sys
{before}
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
interpreters.run_string(interpreters.create(), sys.argv[2])
import entreat
print(entreat.get(sys.argv[1]).text)
"""


@pytest.mark.parametrize("before", ["", "import entreat"])
def test_a_subinterpreter_is_refused(before):
    with Peer(Answers(response(body=b"main"))) as peer:
        command = [sys.executable, "-c", PROGRAM.format(before=before), peer.url, textwrap.dedent(TRIED)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    refused, main = done.stdout.splitlines()
    assert refused.startswith("refused:") and "subinterpreter" in refused
    assert (main, done.returncode) == ("main", 0)
