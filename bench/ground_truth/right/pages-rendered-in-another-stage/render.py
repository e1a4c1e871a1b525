"""Writes a page for each name."""

import sys
from pathlib import Path

names, target = Path(sys.argv[1]), Path(sys.argv[2])
for name in names.read_text().split():
    (target / f"{name.lower()}.html").write_text(f"<h1>{name}</h1>\n")
