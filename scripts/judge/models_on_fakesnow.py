"""models_on_fakesnow.py GENERATED: the generated runs of Acme's models, executed on fakesnow over rows worked out by hand.

What the models read is created as generated, then filled directly: how rows get there is what the other judges of the fold
look at. Every run is executed twice, in the order of the dependencies: a run replaces what the one before it wrote, and its
rows carry its number. fakesnow emulates: privileges and the isolation of transactions are not judged here.
"""

import datetime
import decimal
import logging
import pathlib
import sys
import warnings

import fakesnow
import snowflake.connector
from fold_on_fakesnow import literal, statements
from laws_on_fakesnow import Session, keep_38_digits

DAY = datetime.date(2026, 1, 10)
OLD = datetime.date(2025, 12, 1)
# Relation, then its rows.
ROWS = {
    "SALES.CUSTOMERS": [
        {"customer_id": "C1", "country": "DE", "tier": "gold"},
        {"customer_id": "C2", "country": "FR", "tier": None},
    ],
    "SALES.ORDERS": [
        {"order_id": "O1", "customer_id": "C1", "status": "paid", "placed_at": "2026-01-10 23:59:59"},
        {"order_id": "O2", "customer_id": "C1", "status": "cancelled", "placed_at": "2026-01-10 12:00:00"},
        {"order_id": "O3", "customer_id": "C2", "status": "delivered", "placed_at": "2026-01-10 00:00:00"},
        {"order_id": "O4", "customer_id": "C2", "status": "placed", "placed_at": "2025-12-01 08:00:00"},
        # whose customer nobody has told of yet
        {"order_id": "O5", "customer_id": "C9", "status": "paid", "placed_at": "2026-01-10 08:00:00"},
    ],
    "SALES.ORDER_LINES": [
        {"order_id": "O1", "line_no": 1, "sku": "A", "quantity": 2, "line_total": "10.50"},
        {"order_id": "O1", "line_no": 2, "sku": "A", "quantity": 1, "line_total": "5.25"},
        {"order_id": "O1", "line_no": 3, "sku": "B", "quantity": 4, "line_total": "8.00"},
        {"order_id": "O2", "line_no": 1, "sku": "A", "quantity": 9, "line_total": "90.00"},
        {"order_id": "O3", "line_no": 1, "sku": "A", "quantity": 3, "line_total": "15.75"},
        {"order_id": "O4", "line_no": 1, "sku": "B", "quantity": 7, "line_total": "14.00"},
        {"order_id": "O5", "line_no": 1, "sku": "A", "quantity": 1, "line_total": "5.25"},
    ],
    "STOCK.INVENTORY_LEVELS": [
        {"sku": "A", "location": "L1", "category": "toys", "on_hand": 10, "reserved": 4, "unit_cost": "2.5000",
         "reorder_point": 20, "condition": "sellable"},
        {"sku": "A", "location": "L2", "category": "toys", "on_hand": 5, "reserved": 0, "unit_cost": "2.0000",
         "reorder_point": 5, "condition": "sellable"},
        {"sku": "A", "location": "L3", "category": "toys", "on_hand": 99, "reserved": 0, "unit_cost": "2.0000",
         "reorder_point": 5, "condition": "damaged"},
        {"sku": "C", "location": "L1", "category": "parts", "on_hand": 0, "reserved": 0, "unit_cost": "1.0000",
         "reorder_point": 1, "condition": "sellable"},
    ],
}
# Model's folder, its table, its columns without the number of the run, the rows in order.
MODELS = [
    ("analytics_daily_sales", "MARTS.DAILY_SALES", "sales_date, sku, country, tier, orders, units, revenue", [
        (OLD, "B", "FR", "none", 1, 7, decimal.Decimal("14.00")),
        (DAY, "A", "DE", "gold", 1, 3, decimal.Decimal("15.75")),
        (DAY, "A", "FR", "none", 1, 3, decimal.Decimal("15.75")),
        (DAY, "B", "DE", "gold", 1, 4, decimal.Decimal("8.00")),
    ]),
    ("analytics_inventory_position", "MARTS.INVENTORY_POSITION",
     "sku, category, on_hand, reserved, available, stock_value, units_28d, locations_to_reorder", [
         ("A", "toys", 15, 4, 11, decimal.Decimal("35.0000"), 6, 1),
         # B was last sold more than 28 days before the newest sale, and is in no stock; C was never sold
         ("C", "parts", 0, 0, 0, decimal.Decimal("0.0000"), 0, 1),
     ]),
]


def fill(session, relation, rows):
    """The view as a table of its columns, none of which must have a value."""
    session.cursor.execute(f"CREATE TABLE COVENANT.FILLED AS SELECT * FROM {relation} WHERE FALSE")
    session.cursor.execute(f"DROP VIEW {relation}")
    session.cursor.execute(f"CREATE TABLE {relation} AS SELECT * FROM COVENANT.FILLED")
    session.cursor.execute("DROP TABLE COVENANT.FILLED")
    for row in rows:
        values = ", ".join(literal(value) for value in row.values())
        session.cursor.execute(f"INSERT INTO {relation} ({', '.join(row)}) VALUES ({values})")


def main(generated):
    keep_38_digits()
    wrong, ran = 0, 0
    with fakesnow.patch():
        # Names of the sandbox only; nothing is sent anywhere.
        connection = snowflake.connector.connect(database="ACME", schema="PUBLIC", network_timeout=6)
        session = Session(connection.cursor())
        session.create(generated / "schema.sql")
        for folder in sorted(generated.iterdir()):
            if (folder / "tables.sql").exists():
                session.create(folder / "tables.sql")
        for relation, rows in ROWS.items():
            fill(session, relation, rows)
        told = sorted(folder.name for folder in (generated / "models").iterdir())
        if told != sorted(name for name, *_ in MODELS):
            sys.exit(f"{generated / 'models'}: has {told}, and rows are worked out for other models")
        for name, *_ in MODELS:
            session.create(generated / "models" / name / "table.sql")
        for cycle in (1, 2):
            for name, table, columns, expected in MODELS:
                session.variables = {"covenant_cycle": cycle}
                session.file(generated / "models" / name / "run.sql")
                ran += 1
                query = f"SELECT {columns}, _cycle FROM {table} ORDER BY 1, 2, 3"
                got = session.cursor.execute(query).fetchall()
                if got != [(*row, cycle) for row in expected]:
                    wrong += 1
                    print(f"{generated / 'models' / name / 'run.sql'}: run {cycle}: expected {expected}, got {got}")
    print(f"{ran} runs of {len(MODELS)} models on fakesnow: {wrong} with other rows")
    return wrong


if __name__ == "__main__":
    # What fakesnow says about comments it leaves out.
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(1 if main(pathlib.Path(sys.argv[1])) else 0)
