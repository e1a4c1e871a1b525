"""Brings the database up to date: docker compose exec app python upgrade.py"""

import sqlite3
from pathlib import Path

database = sqlite3.connect("/tmp/shop.db")
steps = sorted(Path("migrations").glob("*.sql"))
for step in steps:
    database.executescript(step.read_text())
print(f"{len(steps)} steps done")
