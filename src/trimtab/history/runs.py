"""The tables of runs of `optimize` and of workflows, what is being done, their verdicts, and proofs."""

WAITING = "waiting"
"""What is being done about a file that is not begun."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY,
    command TEXT NOT NULL,
    started TEXT NOT NULL,
    ended TEXT,
    outcome TEXT
);
CREATE TABLE IF NOT EXISTS doing (
    run TEXT NOT NULL REFERENCES runs (id),
    path TEXT NOT NULL,
    verdict TEXT NOT NULL,
    doing TEXT NOT NULL,
    PRIMARY KEY (run, path)
);
CREATE TABLE IF NOT EXISTS verdicts (
    run TEXT NOT NULL REFERENCES runs (id),
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    rules TEXT NOT NULL,
    before_bytes INTEGER,
    after_bytes INTEGER,
    PRIMARY KEY (run, path)
);
CREATE TABLE IF NOT EXISTS proofs (
    key TEXT PRIMARY KEY,
    kept TEXT NOT NULL,
    proof TEXT NOT NULL
);
"""
