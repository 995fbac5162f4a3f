"""`offline.py COMMAND ...`: run a command beside a port that never answers, told to it as `TARPIT_PORT`.

The port's listener has a full queue, so the kernel drops every further SYN: a connection attempt neither fails nor
succeeds, as if it were addressed to a host that is switched off. In a fresh network namespace, whose loopback begins
switched off, that is switched on first.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys


def main() -> int:
    switch_loopback_on()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)
        each.connect_ex(listener.getsockname())
    environment = {**os.environ, "TARPIT_PORT": str(listener.getsockname()[1])}
    return subprocess.run(sys.argv[1:], env=environment, check=False).returncode


def switch_loopback_on() -> None:
    """What `ip link set lo up` does, where iproute2 is not installed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, GET_FLAGS, struct.pack(INTERFACE, b"lo", 0))
        _, flags = struct.unpack(INTERFACE, request)
        if not flags & UP:
            fcntl.ioctl(any_socket, SET_FLAGS, struct.pack(INTERFACE, b"lo", flags | UP))


#: `struct ifreq` with flags, and Linux's numbers for it (netdevice(7)).
INTERFACE = "16sh22x"
GET_FLAGS, SET_FLAGS, UP = 0x8913, 0x8914, 1


if __name__ == "__main__":
    sys.exit(main())
