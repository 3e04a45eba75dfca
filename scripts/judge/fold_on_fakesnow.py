"""fold_on_fakesnow.py GENERATED: the generated fold of Snowflake, executed on fakesnow with a fixed set of changes.

Creates the tables, inserts each batch where `load.sql` would COPY (fakesnow has no COPY from an external stage), runs the
statements of floor.sql and apply.sql as generated, and compares the state with rows worked out by hand. Every list of
batches is run again in reverse order and with each batch twice: the rows must be the same, for the fold is a join.
fakesnow emulates: types, privileges and the refusal of duplicate keys are not judged here.
"""

import itertools
import logging
import pathlib
import sys
import warnings

import fakesnow
import snowflake.connector

END = ";\n"
ENTITY, STATE, BATCH = "sales_customer", "SALES.CUSTOMERS_STATE", "COVENANT.BATCH_SALES_CUSTOMER"
# What fakesnow has not, and the judges by grammar see: (first words, why it is left out).
LEFT_OUT = [
    ("GRANT", "no privileges"),
    ("CREATE OR REPLACE VIEW", "no masking policies"),
    ("CREATE MASKING POLICY", "no masking policies"),
    ("CREATE FILE FORMAT", "no load"),
    ("CREATE STAGE", "no load"),
    ("CREATE TAG", "no effect"),
]


def told(version, name=None, alive=True, tier=None):
    """One row of a batch: the store tells the name and whether the customer is there, Salesforce the tier."""
    row = {"_version": version, "_committed_at": "2026-01-01 00:00:00"}
    if tier is None:
        row |= {"_source": "store", "_exists": version, "_alive": alive, "_g_store": version, "display_name": name}
    else:
        row |= {"_source": "salesforce", "_g_tier": version, "tier": tier}
    return row


# name, batches, the one row expected: (_exists, _alive, _g_store, display_name, _g_tier, tier)
CASES = [
    ("insert", [[told(1, "Ada")]], (1, True, 1, "Ada", None, None)),
    ("two changes of a key in one batch", [[told(1, "Ada"), told(2, "Eve")]], (2, True, 2, "Eve", None, None)),
    ("the same change twice", [[told(1, "Ada"), told(1, "Ada")]], (1, True, 1, "Ada", None, None)),
    ("a late change", [[told(5, "Eve")], [told(3, "Ada")]], (5, True, 5, "Eve", None, None)),
    ("a delete", [[told(1, "Ada")], [told(2, None, alive=False)]], (2, False, 2, None, None, None)),
    ("stale after the delete", [[told(1, "Ada")], [told(9, None, alive=False)], [told(4, "Eve")]],
     (9, False, 9, None, None, None)),
    ("a delete of what nobody knew", [[told(2, None, alive=False)]], (2, False, 2, None, None, None)),
    ("two owners, each its own field", [[told(3, "Ada")], [told(2, tier="gold")], [told(7, tier="silver")]],
     (3, True, 3, "Ada", 7, "silver")),
    ("only another than the owner has spoken", [[told(2, tier="gold")]], (None, None, None, None, 2, "gold")),
    ("back after a delete", [[told(1, "Ada")], [told(2, None, alive=False)], [told(3, "Ada")]],
     (3, True, 3, "Ada", None, None)),
]

# The orders in which the batches of a case are played.
FORMS = {
    "as told": lambda batches: batches,
    "in reverse": lambda batches: batches[::-1],
    "each twice": lambda batches: [batch for batch in batches for _ in range(2)],
    "in one batch": lambda batches: [list(itertools.chain(*batches))],
}


def statements(path):
    for part in path.read_text().split(END):
        code = "\n".join(row for row in part.splitlines() if not row.lstrip().startswith("--")).strip()
        if code:
            yield code


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


class Session:
    """Runs files; session variables are kept here, because fakesnow knows none that a query sets."""

    def __init__(self, cursor):
        self.cursor, self.variables = cursor, {}

    def run(self, statement):
        for name, value in self.variables.items():
            statement = statement.replace(f"${name}", literal(value))
        if statement.startswith("SET "):
            name, query = statement.removeprefix("SET ").split(" = ", 1)
            self.variables[name] = int(self.cursor.execute(f"SELECT {query} AS v").fetchone()[0])
            return
        self.cursor.execute(statement)

    def create(self, path):
        for statement in statements(path):
            if not any(statement.startswith(words) for words, _ in LEFT_OUT):
                self.run(statement.replace(" WITH MANAGED ACCESS", ""))

    def apply(self, generated, commit, rows):
        self.variables["covenant_commit"] = commit
        self.run(f"DELETE FROM {BATCH}")
        for row in rows:
            values = ", ".join(literal(value) for value in row.values())
            self.run(f"INSERT INTO {BATCH} ({', '.join(row)}) VALUES ({values})")
        for statement in statements(generated / ENTITY / "apply.sql"):
            self.run(statement)

    def state(self):
        columns = "customer_id, _exists, _alive, _g_store, display_name, _g_tier, tier"
        return self.cursor.execute(f"SELECT {columns} FROM {STATE} ORDER BY customer_id").fetchall()


def main(generated):
    wrong, applied = 0, 0
    with fakesnow.patch():
        # Names of the sandbox only; nothing is sent anywhere.
        connection = snowflake.connector.connect(database="ACME", schema="PUBLIC", network_timeout=6)
        session = Session(connection.cursor())
        session.create(generated / "schema.sql")
        session.create(generated / ENTITY / "tables.sql")
        for form, order in FORMS.items():
            session.run(f"DELETE FROM {STATE}")
            # Each case has a key of its own, so that one batch holds a step of every case.
            played = [[[row | {"customer_id": name} for row in batch] for batch in order(batches)] for name, batches, _ in CASES]
            for commit, step in enumerate(itertools.zip_longest(*played, fillvalue=[]), 1):
                session.apply(generated, commit, itertools.chain(*step))
                applied += 1
            rows = session.state()
            for name, _, expected in CASES:
                got = [row[1:] for row in rows if row[0] == name]
                if got != [expected]:
                    wrong += 1
                    print(f"{generated / ENTITY / 'apply.sql'}: {name}, {form}: expected {[expected]}, got {got}")
    print(f"{applied} batches folded on fakesnow, {len(CASES)} sets of changes in {len(FORMS)} orders: {wrong} with other rows")
    return wrong


if __name__ == "__main__":
    # What fakesnow says about comments it leaves out.
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(1 if main(pathlib.Path(sys.argv[1])) else 0)
