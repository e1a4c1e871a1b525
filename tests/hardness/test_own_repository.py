"""trimtab holds its own repository to what it asks of others."""

import json
import re
from pathlib import Path

import pytest

from trimtab.cli.app import run
from trimtab.pipelines.pins import pin_table

ROOT = Path(__file__).parents[2]


def test_our_own_image_has_no_finding_and_the_full_score(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert run(["review", "Dockerfile", "--offline", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["findings"] == []
    assert [each["score"] for each in data["files"] if each["path"] == "Dockerfile"] == [100.0]


def test_our_workflows_use_the_pins_that_we_give_others() -> None:
    known = {pin.use for pin in pin_table().pins.values()}
    used = {
        match[1]
        for path in (ROOT / ".github" / "workflows").glob("*.yml")
        for match in re.finditer(r"^\s*(?:- )?uses: (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert used
    assert used <= known


def test_what_the_image_needs_is_sent_and_nothing_else() -> None:
    from trimtab.fleet import DiskTree
    from trimtab.fleet.context import BuildContext

    context = BuildContext("", "Dockerfile", DiskTree(ROOT))
    sent = set(context.visible)
    assert {"src/trimtab/__init__.py", "requirements/run.lock"} <= sent
    assert not [path for path in sent if path.startswith((".git/", "tests/", "examples/", ".venv/", "fuzz/"))]
