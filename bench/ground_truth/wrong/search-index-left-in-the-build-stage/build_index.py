"""Writes which page has which word."""

import json
from pathlib import Path

words: dict[str, list[str]] = {}
for page in sorted(Path("pages").glob("*.txt")):
    for word in sorted(set(page.read_text().lower().split())):
        words.setdefault(word, []).append(page.stem)
Path("var").mkdir(exist_ok=True)
Path("var/index.json").write_text(json.dumps(words))
