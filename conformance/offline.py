"""`offline.py COMMAND ...`: run a command beside a port that never answers, told to it as `TARPIT_PORT`.

The port's listener has a full queue, so the kernel drops every further SYN: a connection attempt neither fails nor
succeeds, as if it were addressed to a host that is switched off.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys


def main() -> int:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex(listener.getsockname())
    environment = {**os.environ, "TARPIT_PORT": str(listener.getsockname()[1])}
    return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
