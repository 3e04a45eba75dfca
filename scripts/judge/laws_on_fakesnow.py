"""laws_on_fakesnow.py TOLD SAID: random change sets, folded on fakesnow by the generated text of Snowflake.

TOLD (JSON, written by the test `laws`) names the folder of the generated files and holds, per entity, sets of batches.
Each batch is inserted where `load.sql` would COPY (fakesnow has no COPY from an external stage); then floor.sql, apply.sql,
history.sql and moves.sql run as generated. SAID gets the rows of each relation of each set, as text; the test compares.
"""

import datetime
import decimal
import json
import logging
import pathlib
import re
import sys
import warnings

import fakesnow
import fakesnow.cursor
import snowflake.connector
from fold_on_fakesnow import Session as Folding
from fold_on_fakesnow import LEFT_OUT, literal, statements

# What governs a column of a view: fakesnow has no policies, and its tags have no effect. The judges by grammar see both.
GOVERNED = re.compile(r" WITH MASKING POLICY [\w.]+(?: USING \([^)]*\))?| WITH TAG \([^)]*\)")
# A quote in a comment: fakesnow puts it into a statement of its own unescaped.
QUOTE = re.compile(r"(?<=\w)''(?=\w)")
VIEW = "CREATE OR REPLACE VIEW"
EPOCH = datetime.datetime(1970, 1, 1)
# More repetitions of the MERGE of moves than a row can have keys: the moves would go round.
MOVES_MAX = 50


class Session(Folding):
    """Runs files, and says how many rows the last statement changed."""

    def run(self, statement):
        for name in sorted(self.variables, key=len, reverse=True):
            value = self.variables[name]
            # a variable that a query over NUMBER sets is NUMBER
            typed = f"{value}::NUMBER(38,0)" if isinstance(value, int) else literal(value)
            statement = statement.replace(f"${name}", typed)
        if statement.startswith("SET "):
            name, query = statement.removeprefix("SET ").split(" = ", 1)
            value = self.cursor.execute(f"SELECT {query} AS v").fetchone()[0]
            self.variables[name] = None if value is None else int(value)
            return 0
        row = self.cursor.execute(statement).fetchone()
        return sum(int(cell) for cell in row or () if isinstance(cell, (int, decimal.Decimal)))

    def create(self, path):
        for statement in statements(path):
            statement = QUOTE.sub("", statement)
            if statement.startswith(VIEW):
                self.run(GOVERNED.sub("", statement))
            elif not any(statement.startswith(words) for words, _ in LEFT_OUT):
                self.run(statement.replace(" WITH MANAGED ACCESS", ""))

    def file(self, path):
        changed = 0
        for statement in statements(path):
            changed = self.run(statement)
        return changed

    def raise_floor(self, folder, floor):
        self.variables |= {"covenant_floor": int(floor["version"]), "covenant_floor_source": floor["source"],
                           "covenant_floor_at": floor["at"]}
        self.file(folder / "floor.sql")

    def apply(self, folder, entity, commit, batch):
        self.variables = {"covenant_commit": commit}
        first = commit % 2 == 0
        for floor in batch["floors"] if first else []:
            self.raise_floor(folder, floor)
        self.cursor.execute(f"DELETE FROM {entity['batch']}")
        if batch["rows"]:
            rows = ",\n".join(batch["rows"])
            self.cursor.execute(f"INSERT INTO {entity['batch']} ({entity['columns']}) VALUES {rows}")
        self.file(folder / "apply.sql")
        if (folder / "history.sql").exists():
            self.file(folder / "history.sql")
        if (folder / "moves.sql").exists():
            *_, merge = statements(folder / "moves.sql")
            changed = self.file(folder / "moves.sql")
            for _ in range(MOVES_MAX):
                if not changed:
                    break
                changed = self.run(merge)
            else:
                sys.exit(f"{folder / 'moves.sql'}: still changes rows after {MOVES_MAX} repetitions")
        for floor in [] if first else batch["floors"]:
            self.raise_floor(folder, floor)


def shown(value, scale):
    """A value as text: instants and days are numbers since 1970, bytes are hexadecimal."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        return str((value.replace(tzinfo=None) - EPOCH) // datetime.timedelta(microseconds=1))
    if isinstance(value, datetime.date):
        return str((value - EPOCH.date()).days)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, (int, decimal.Decimal)):
        return f"{decimal.Decimal(value):.{scale}f}"
    return str(value)


def play(session, generated, entity):
    folder, sets = generated / entity["slug"], []
    for batches in entity["sets"]:
        for table in entity["tables"]:
            session.cursor.execute(f"DELETE FROM {table}")
        session.cursor.execute(f"DELETE FROM COVENANT.FLOORS WHERE entity = '{entity['entity']}'")
        for commit, batch in enumerate(batches, 1):
            session.apply(folder, entity, commit, batch)
        read = []
        for one in entity["reads"]:
            rows = session.cursor.execute(one["sql"]).fetchall()
            read.append([[shown(value, scale) for value, scale in zip(row, one["scales"], strict=True)] for row in rows])
        sets.append(read)
    return sets


def keep_38_digits():
    """fakesnow makes NUMBER(38,0) a BIGINT, which holds no guard: here it stays what it is in Snowflake."""
    fakesnow.cursor.transforms.integer_precision = lambda expression: expression


def main(told, said):
    keep_38_digits()
    told = json.loads(told.read_text())
    generated = pathlib.Path(told["generated"])
    with fakesnow.patch():
        # Names of the sandbox only; nothing is sent anywhere.
        connection = snowflake.connector.connect(database="ACME", schema="PUBLIC", network_timeout=6)
        session = Session(connection.cursor())
        session.create(generated / "schema.sql")
        for entity in told["entities"]:
            session.create(generated / entity["slug"] / "tables.sql")
        said.write_text(json.dumps([play(session, generated, entity) for entity in told["entities"]]))


if __name__ == "__main__":
    # What fakesnow says about comments it leaves out.
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
