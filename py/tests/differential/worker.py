"""A process that runs programs over one package and tells what it saw: `worker.py requests` or `worker.py entreat`.

`ENTREAT_LANE` in its environment says which lane entreat takes. It reads pickled tasks from standard input, each a
program's name, or a call with the answers to give; for each it starts a peer, runs it, and writes a pickled observation.
"""

import importlib
import pickle
import signal
import sys
import warnings

from peers import Answers, Peer

from differential import observe, programs


def run(package, task, origin):
    if isinstance(task, str):
        program = programs.PROGRAMS[task]
        answers, function = program.answers, program.function
    else:
        answers, function = task["answers"], programs.as_program(task)
    lanes = []
    with Peer(Answers(*answers)) as peer, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        signal.alarm(15)
        outcome = observe.attempt(lambda: _noting(lanes, function(package, peer.url, origin)))
        signal.alarm(0)
        seen = {
            "outcome": outcome,
            "warnings": [
                [each.category.__name__, str(each.message)] for each in warned if each.category is not ResourceWarning
            ],
            "wire": [request for _, request in peer.completed],
            # Which of them came by the same connection.
            "connections": [peer.connections.index(connection) for connection, _ in peer.completed],
        }
        return {"seen": observe.normalised(seen, peer.port), "lanes": lanes}


def _noting(lanes, value):
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if hasattr(each, "iter_lines"):
            lanes.extend(getattr(hop, "lane", None) for hop in (*each.history, each))
    return value


def _give_up(number, frame):
    raise TimeoutError("this program did not come to an end")


def main():
    signal.signal(signal.SIGALRM, _give_up)
    package = importlib.import_module(sys.argv[1])
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    origin = pickle.load(source)
    while True:
        try:
            task = pickle.load(source)
        except EOFError:
            return
        pickle.dump(run(package, task, origin), sink)
        sink.flush()


if __name__ == "__main__":
    main()
