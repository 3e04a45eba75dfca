"""grammars.py FOLDER...: every statement of every *.sql below the folders, judged by two grammars this project did not write.

Prints `file:line: judge: why` for each statement that a judge refuses or reads as an unparsable section, and exits with 1.
statements.allow beside this file lists what one judge refuses wrongly, with the reason. What both accepted is remembered
by its digest beside the environment, so that only changed statements cost time; another pin or judge starts anew.
"""

import concurrent.futures
import hashlib
import pathlib
import subprocess
import sys

from sqlfluff.core import FluffConfig, Linter

HERE = pathlib.Path(__file__).parent
ALLOWED = HERE / "statements.allow"
# Digests of accepted statements, one a line.
ACCEPTED = pathlib.Path(sys.prefix) / "accepted.txt"
# What makes the generated statements end: the README of the target promises it.
END = ";\n"
WORKERS = 2


def statements(path):
    """(line of the first word, text) of each statement; comments above a statement belong to it."""
    text, start = path.read_text(), 0
    while start < len(text):
        found = text.find(END, start)
        stop = len(text) if found < 0 else found + len(END)
        part = text[start:stop]
        line = text.count("\n", 0, start) + 1
        for skipped, content in enumerate(part.splitlines()):
            if content.strip() and not content.lstrip().startswith("--"):
                yield line + skipped, part
                break
        start = stop


def allowed():
    """(judge, first words, reason) of each line `judge | first words | reason`."""
    rows = []
    for number, line in enumerate(ALLOWED.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 3 or not all(parts):
            sys.exit(f"{ALLOWED}:{number}: write `judge | first words | reason`")
        rows.append(tuple(parts))
    return rows


def sqlfluff(text):
    """Why sqlfluff refuses the statement, or nothing."""
    parsed = LINTER.parse_string(text)
    if parsed.violations:
        return "; ".join(str(violation.desc()) for violation in parsed.violations)
    if parsed.tree is None:
        return "no tree"
    opaque = [part.raw for part in parsed.tree.recursive_crawl("unparsable")]
    return f"unparsable section: {opaque[0][:80]!r}" if opaque else ""


def sqruff(text):
    """Why sqruff refuses the statement, or nothing. `parse`, because its `lint` hides what it cannot parse."""
    command = [SQRUFF, "--nocolor", "--dialect", "snowflake", "--ignore-local-config", "parse", "--parsing-errors", "-"]
    run = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    said = (run.stdout + run.stderr).lower()
    if run.returncode or "unparsable" in said:
        return next((line.strip() for line in (run.stderr or run.stdout).splitlines() if "npars" in line), "does not parse")[:160]
    return ""


def remembered():
    return set(ACCEPTED.read_text().split()) if ACCEPTED.exists() else set()


LINTER = Linter(config=FluffConfig(overrides={"dialect": "snowflake"}))
SQRUFF = str(pathlib.Path(sys.executable).with_name("sqruff"))
# What a verdict depends on besides the statement: the pins, this file, and which judges there are.
SETUP = b"".join((HERE / name).read_bytes() for name in ("requirements-sql.txt", "grammars.py")) + bytes([pathlib.Path(SQRUFF).exists()])


def judge(folders):
    files = [(folder, path) for folder in folders for path in sorted(pathlib.Path(folder).rglob("*.sql"))]
    if not files:
        sys.exit(f"no *.sql below {' '.join(folders)}: nothing was judged")
    judges = {"sqlfluff": sqlfluff}
    if pathlib.Path(SQRUFF).exists():
        judges["sqruff"] = sqruff
    else:
        print("SKIP sqruff: its package brought no program for this machine; sqlfluff judges alone")
    exceptions, used, refused, count = allowed(), set(), 0, 0
    accepted, fresh = remembered(), []
    pool = concurrent.futures.ThreadPoolExecutor(WORKERS)
    for _, path in files:
        for line, text in statements(path):
            count += 1
            digest = hashlib.sha256(SETUP + text.encode()).hexdigest()
            if digest in accepted:
                continue
            second = pool.submit(sqruff, text) if "sqruff" in judges else None
            verdicts = {"sqlfluff": sqlfluff(text), "sqruff": second.result() if second else ""}
            if not any(verdicts.values()):
                fresh.append(digest)
            code = "\n".join(row for row in text.splitlines() if not row.lstrip().startswith("--")).lstrip()
            for name, why in verdicts.items():
                if not why:
                    continue
                exception = next((row for row in exceptions if row[0] == name and code.startswith(row[1])), None)
                if exception:
                    used.add(exception)
                    continue
                refused += 1
                print(f"{path}:{line}: {name}: {why}")
    with ACCEPTED.open("a") as file:
        file.writelines(f"{digest}\n" for digest in fresh)
    print(f"{count} statements of {len(files)} files judged by {' and '.join(judges)}: {refused} refused, "
          f"{len(used)} of {len(exceptions)} exceptions used")
    return refused


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(1 if judge(sys.argv[1:]) else 0)
