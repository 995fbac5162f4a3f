"""From turns to figures, and from figures to tables: for the terminal, and in Markdown for the README.

A figure is the median of the rounds with its least and greatest. A ratio is taken inside each round, so that a slow
moment of the machine meets both sides. Called by `run.py`, `run_async.py`, `readme.py` and `instructions.py`.
"""

from __future__ import annotations

import statistics

#: What the tables call the clients, and the sections in which they are.
TITLES = {
    "keep-alive": "GET, 171 bytes of JSON, one kept connection",
    "module-level": "GET without a session: what one call costs",
    "json": "GET of 10 KB of JSON, parsed",
    "at-once": "GET, 64 at once on one thread, the server on another core",
}
LABELS = {
    "rust-raw": "Rust, bare socket",
    "python-raw": "Python, bare socket",
    "rust-entreat": "**entreat**, Rust: `client.get(url)?.bytes()?`",
    "rust-ureq": "ureq: `agent.get(url).call()?`, body read",
    "entreat-client": "**entreat**, Python: `client.get(url)`",
    "entreat-session": "**entreat**, Python: `session.get(url)`",
    "entreat-session-read": "**entreat**: and status, a header, `.text`",
    "pycurl": "pycurl, one handle",
    "http.client": "http.client",
    "urllib3-pool": "urllib3: `pool.request('GET', url)`",
    "requests-session": "requests: `session.get(url)`",
    "requests-session-read": "requests: and status, a header, `.text`",
    "rust-raw-new": "Rust, bare socket, new connection",
    "python-raw-new": "Python, bare socket, new connection",
    "entreat-get": "**entreat**: `entreat.get(url)`",
    "pycurl-new": "pycurl, new handle",
    "urllib3-request": "urllib3: `urllib3.request('GET', url)`",
    "requests-get": "requests: `requests.get(url)`",
    "orjson.loads": "only `orjson.loads`, no request",
    "json.loads": "only `json.loads`, no request",
    "entreat-session-json": "**entreat**: `session.get(url).json()`",
    "pycurl-json": "pycurl, one handle, and `json.loads`",
    "requests-session-json": "requests: `session.get(url).json()`",
    "rust-64-epoll": "Rust, bare sockets in an epoll loop",
    "rust-64-entreat": "**entreat**, Rust: `aio::Client`, on tokio",
    "rust-64-hyper-util": "hyper-util: its client, on tokio",
    "rust-64-reqwest": "reqwest, on tokio",
}
#: What each section's CPU times are compared with: requests, and the least that is possible.
AGAINST = {
    "keep-alive": ("requests-session", "rust-raw"),
    "module-level": ("requests-get", "rust-raw-new"),
    "json": ("requests-session-json", "json.loads"),
    "at-once": (None, "rust-64-epoll"),
}
#: What the least that is possible is called.
LEAST = {"json": "json.loads", "at-once": "the bare loop"}
#: What we want: what is measured, the two clients whose ratio it is, and the most that it may be.
GOALS = [
    ("CPU of `session.get` / requests", "keep-alive", "cpu", "entreat-session", "requests-session", 1 / 60),
    ("CPU of `session.get` / pycurl", "keep-alive", "cpu", "entreat-session", "pycurl", 0.45),
    ("wall of `session.get` / bare Rust socket", "keep-alive", "wall", "entreat-session", "rust-raw", 2.5),
    ("CPU of Rust `client.get` / bare socket", "keep-alive", "cpu", "rust-entreat", "rust-raw", 1.3),
    ("CPU of Rust `client.get` / ureq", "keep-alive", "cpu", "rust-entreat", "rust-ureq", 0.5),
    ("CPU of Rust `aio`, 64 at once / epoll loop", "at-once", "cpu", "rust-64-entreat", "rust-64-epoll", 1.5),
    ("CPU of Rust `aio`, 64 at once / hyper-util", "at-once", "cpu", "rust-64-entreat", "rust-64-hyper-util", 0.6),
    ("wall of `entreat.get` / `session.get`", "", "wall", "entreat-get", "entreat-session", 1.3),
]  # fmt: skip


def figures(turns: dict) -> dict:
    """Everything that the tables show, as data."""
    made: dict = {"sections": {}, "goals": []}
    everyone = {client: rounds for section in TITLES for client, rounds in turns[section].items()}
    for section in TITLES:
        rows = {}
        for client, rounds in turns[section].items():
            row = {unit: spread([turn[unit] for turn in rounds]) for unit in ("wall", "cpu")}
            for name, other in zip(("requests", "least"), AGAINST[section], strict=True):
                if other in turns[section]:
                    row[f"cpu/{name}"] = ratios(rounds, turns[section][other], "cpu")
                    row[f"wall/{name}"] = ratios(rounds, turns[section][other], "wall")
            rows[client] = row
        made["sections"][section] = rows
    for label, _, unit, client, other, most in GOALS:
        if client in everyone and other in everyone:
            ratio = ratios(everyone[client], everyone[other], unit)
            made["goals"].append({"goal": label, "most": most, "measured": ratio})
    made["import"] = _import_figures(turns["import"])
    return made


def _import_figures(turns: dict) -> dict:
    bare = turns["python"]
    return {
        name: {
            what: spread([turn[what] - base[what] for turn, base in zip(rounds, bare, strict=True)])
            for what in ("wall", "cpu", "modules", "megabytes")
        }
        for name, rounds in turns.items()
        if name != "python"
    }


def spread(values: list[float]) -> dict[str, float]:
    return {name: _rounded(f(values)) for name, f in (("median", statistics.median), ("min", min), ("max", max))}


def ratios(rounds: list[dict], others: list[dict], unit: str) -> dict[str, float]:
    return spread([turn[unit] / other[unit] for turn, other in zip(rounds, others, strict=True)])


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def tables(figures: dict) -> list[tuple[str, list[list[str]]]]:
    """Each table's title and rows, the first of them its heading."""
    made = []
    for section, rows in figures["sections"].items():
        least = LEAST.get(section, "the bare Rust socket")
        heading = ["", "wall µs", "CPU µs", "CPU, requests over it", f"CPU, it over {least}"]
        made.append((TITLES[section], [heading, *(_row(LABELS[client], row) for client, row in rows.items())]))
    heading = ["", "wall ms", "CPU ms", "modules", "MB"]
    rows = [
        [f"`import {name}`", *(with_range(row[what]) for what in ("wall", "cpu")), *_counts(row)]
        for name, row in figures["import"].items()
    ]
    made.append(("Import, over a bare interpreter", [heading, *rows]))
    return made


def _row(label: str, row: dict) -> list[str]:
    times = [with_range(row["wall"]), with_range(row["cpu"])]
    against = [_less(row.get("cpu/requests")), _times(row.get("cpu/least"))]
    return [label, *times, *against]


def _counts(row: dict) -> list[str]:
    return [f"{row['modules']['median']:.0f}", f"{row['megabytes']['median']:.1f}"]


def with_range(spread: dict) -> str:
    return f"{_short(spread['median'])} ({_short(spread['min'])}–{_short(spread['max'])})"


def _less(ratio: dict | None) -> str:
    """How many times less: the ratio upside down."""
    return "" if ratio is None else f"{_short(1 / ratio['median'])} ×"


def _times(ratio: dict | None) -> str:
    return "" if ratio is None else f"{ratio['median']:.2f} ×"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def goals_table(figures: dict) -> list[list[str]]:
    rows = [["goal", "at most", "measured", ""]]
    for goal in figures["goals"]:
        median = goal["measured"]["median"]
        numbers = f"{median:.4f} ({goal['measured']['min']:.4f}–{goal['measured']['max']:.4f})"
        rows.append([goal["goal"], f"{goal['most']:.4f}", numbers, "met" if median <= goal["most"] else "NOT MET"])
    return rows


def text(figures: dict) -> str:
    """For a terminal."""
    parts = [_sentence(figures["setting"])]
    parts += [f"\n{title}\n{aligned(rows)}" for title, rows in [*tables(figures), ("Goals", goals_table(figures))]]
    return "\n".join(parts)


def markdown(figures: dict) -> str:
    """For the README."""
    parts = [_sentence(figures["setting"])]
    for title, rows in tables(figures):
        parts.append(f"{title}:\n\n" + markdown_table(rows))
    return "\n\n".join(parts)


def _sentence(setting: dict) -> str:
    names = ("requests", "urllib3", "pycurl", "libcurl", "ureq", "hyper-util", "reqwest")
    peers = ", ".join(f"{name} {setting[name]}" for name in names if name in setting)
    return (
        f"Medians of {setting['rounds']} rounds (least–greatest), client and server on one core of {setting['processor']}; "
        f"Python {setting['python']}, Rust {setting['rust']}, {peers}."
    )


def aligned(rows: list[list[str]]) -> str:
    plain = [[cell.replace("`", "").replace("**", "") for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in plain) for column in range(len(plain[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in plain]
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(rows: list[list[str]]) -> str:
    heading, *body = rows
    lines = [heading, ["---", *["---:"] * (len(heading) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
