"""Figures of the compiler: CPU (user and system) and peak memory of one cold process each, the least of several runs."""

import os
import pathlib
import re
import subprocess
import sys
import time

work, peer, page, sizes = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], [int(size) for size in sys.argv[4:]]
RUNS = 5
MARKS = ("<!-- compiler: begin -->", "<!-- compiler: end -->")
# Through the peer's library, as its command does it: one process for all, so that its start counts once.
LINT = """
import logging, sys
from datacontract.data_contract import DataContract
logging.disable(logging.CRITICAL)
for path in sys.argv[1:]:
    DataContract(data_contract_file=path).lint()
"""


def once(command):
    """CPU and elapsed milliseconds, and peak MiB of one process."""
    started = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    elapsed = time.monotonic() - started
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"bench: {command} ended with {status}")
    return (used.ru_utime + used.ru_stime) * 1000, elapsed * 1000, used.ru_maxrss / 1024


def line(what, size, commands):
    cpu, elapsed, memory = (min(column) for column in zip(*(once(command) for command in commands)))
    row = f"| {what} | {size:,} | {cpu:,.0f} ms | {cpu / size:.2f} ms | {elapsed:,.0f} ms | {memory:.0f} MB |"
    print(row, flush=True)
    return row


def covenant(contracts, *words):
    return ["target/release/covenant", "--contracts", contracts, *words]


def builds(size, contracts, what):
    """Cold, into an empty folder; and again with nothing changed."""
    # A folder each: where files were removed just now, ext4 spends more time on new ones than all else together.
    into = [covenant(contracts, "build", "--out", work / f"out-{size}-{run}") for run in range(RUNS)]
    return [
        line(f"`covenant build`, {what}cold", size, into),
        line(f"`covenant build`, {what}nothing changed", size, into),
    ]


def rustc(size):
    """The generated crate alone: its dependency has been built."""
    models = (pathlib.Path("target/debug/deps")).glob("libcovenant_model-*.rlib")
    model = max(models, key=lambda path: path.stat().st_mtime)
    source = work / "generated/rust/src/lib.rs"
    rows = []
    for level, runs in ((0, 2), (3, 1)):
        command = ["rustc", "--edition", "2024", "--crate-name", "corpus_pipeline", "--crate-type", "lib", "--cap-lints", "allow"]
        command += ["--emit", "metadata,link", source, "--out-dir", work, "-C", f"opt-level={level}"]
        command += ["-L", f"dependency={model.parent}", "--extern", f"covenant_model={model}"]
        rows.append(line(f"rustc, the generated crate, opt-level {level}", size, [command] * runs))
    return rows


os.environ["XDG_CACHE_HOME"] = str(work / "cache")
rows = ["| what | contracts | CPU | a contract | elapsed | peak memory |", "|---|---|---|---|---|---|"]
print("\n".join(rows))
for what in ("check", "diff"):
    for size in sizes:
        new, old = work / f"{size}-new", work / str(size)
        command = covenant(new, *(["check"] if what == "check" else ["diff", "--against", old]))
        rows.append(line(f"`covenant {what}`", size, [command] * RUNS))
rows += builds(sizes[0], work / str(sizes[0]), "") + builds(10, work / "small", "20 fields each, ")
once(covenant(work / str(sizes[0]), "build", "--out", work / "generated"))
rows += rustc(sizes[0])
odcs = sorted((work / "generated").rglob("*.odcs.y*ml"))
if odcs and pathlib.Path(peer).exists():
    rows.append(line("`datacontract lint`, one process", len(odcs), [[peer, "-c", LINT, *odcs]]))
    rows.append(line("`datacontract lint`, the first alone", 1, [[peer, "-c", LINT, odcs[0]]]))
if page:
    page = pathlib.Path(page)
    between = re.compile(f"{MARKS[0]}.*?{MARKS[1]}", re.DOTALL)
    figures = "\n".join([MARKS[0], "", *rows, "", MARKS[1]])
    text, count = between.subn(lambda _: figures, page.read_text())
    if count != 1:
        sys.exit(f"bench: {page} has no place for the figures")
    page.write_text(text)
