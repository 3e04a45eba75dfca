"""Figures of the compiler: CPU (user and system) and peak memory of one cold process each, the least of several runs."""

import os
import pathlib
import re
import subprocess
import sys

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
    """CPU milliseconds and peak MiB of one process."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"bench: {command} ended with {status}")
    return (used.ru_utime + used.ru_stime) * 1000, used.ru_maxrss / 1024


def line(what, size, runs, command):
    cpu, memory = (min(column) for column in zip(*(once(command) for _ in range(runs))))
    row = f"| {what} | {size:,} | {cpu:,.0f} ms | {cpu / size:.2f} ms | {memory:.0f} MB |"
    print(row, flush=True)
    return row


rows = ["| what | contracts | CPU | a contract | peak memory |", "|---|---|---|---|---|"]
print("\n".join(rows))
for what in ("check", "diff"):
    for size in sizes:
        new, old = work / f"{size}-new", work / str(size)
        command = ["target/release/covenant", "--contracts", new, *(["check"] if what == "check" else ["diff", "--against", old])]
        rows.append(line(f"`covenant {what}`", size, RUNS, command))
odcs = sorted((work / "generated").rglob("*.odcs.y*ml"))
if odcs:
    rows.append(line("`datacontract lint`, one process", len(odcs), 1, [peer, "-c", LINT, *odcs]))
    rows.append(line("`datacontract lint`, the first alone", 1, 1, [peer, "-c", LINT, odcs[0]]))
if page:
    page = pathlib.Path(page)
    between = re.compile(f"{MARKS[0]}.*?{MARKS[1]}", re.DOTALL)
    figures = "\n".join([MARKS[0], "", *rows, "", MARKS[1]])
    text, count = between.subn(lambda _: figures, page.read_text())
    if count != 1:
        sys.exit(f"bench: {page} has no place for the figures")
    page.write_text(text)
