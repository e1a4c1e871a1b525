"""Writes the list of features that this edition has."""

import os
from pathlib import Path

FEATURES = {"basic": ["read"], "full": ["read", "write", "export"]}
Path("features.txt").write_text("\n".join(FEATURES[os.environ.get("EDITION", "basic")]) + "\n")
