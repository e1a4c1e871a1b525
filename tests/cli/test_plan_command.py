"""Every batch of a plan says what it should bring."""

import json
from pathlib import Path

import pytest

from trimtab.cli.app import run

COMPOSE = """services:
  db:
    image: postgres:16
    healthcheck: {test: [CMD, pg_isready, -h, localhost], interval: 10s, retries: 3}
  api:
    build: ./api
    image: acme/api:1
    mem_limit: 1g
    depends_on: {db: {condition: service_healthy}}
  web: {image: 'nginx:1.27'}
  other: {image: 'a:1'}
  last: {image: 'a:1'}
"""


def test_every_batch_says_what_is_predicted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "api").mkdir()
    (tmp_path / "api/Dockerfile").write_text("FROM python:3.13-slim\nRUN pip install --no-cache-dir flask\nCMD python a.py\n")
    (tmp_path / "deploy.sh").write_text(
        "#!/bin/bash\nset -e\ndocker compose build --parallel --no-cache\ndocker compose up -d\n"
    )
    assert run(["plan", str(tmp_path), "--format", "json", "--offline"]) == 1
    batches = {each["title"]: each["predicted"] for each in json.loads(capsys.readouterr().out)["batches"]}
    assert None not in batches.values()
    assert batches["networks of compose.yaml"] == "services that reach `db` 4 → 1, of 5"
    assert batches["sizes in compose.yaml"] == "services with a memory limit 1 → 5 of 5, 2.1 GiB together"
    assert batches["scripts"] == "2 findings fewer: caching 1, maintainability 1"
    assert batches["scripts that trimtab's own can replace"] == "4 findings fewer that no fix mends"
    assert batches["Dockerfiles"].startswith(("2 findings fewer", "3 findings fewer", "4 findings fewer"))
