"""What `--diff` prints into a file or a pipe is a patch."""

import subprocess
from pathlib import Path

import pytest

from trimtab.cli.app import run

LONG = "services:\n  a: {image: 'a:1', restart: always, environment: {A: '" + "word " * 60 + "'}}  # why\n"


@pytest.mark.parametrize("whole", [True, False])
def test_a_long_line_stays_one(tmp_path: Path, capfd: pytest.CaptureFixture[str], *, whole: bool) -> None:
    (tmp_path / "compose.yaml").write_text(LONG)
    patch = tmp_path / "a.patch"
    command = ["fix", str(tmp_path), "--unsafe", "--diff", "--dry-run", "--select", "CM404"]
    assert run([*command, "--output", str(patch)] if whole else command) in {0, 1}
    printed = patch.read_text() if whole else capfd.readouterr().out
    patch.write_text(printed[: printed.index("would fix")].rstrip("\n") + "\n")
    subprocess.run(["git", "init", "-q", "."], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "a.patch"], cwd=tmp_path, check=True)
    assert "max-size" in (tmp_path / "compose.yaml").read_text()


def test_tabs_stay(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.sh").write_text("#!/bin/bash\nset -e\nif x; then\n\tdocker compose build --parallel\nfi\n")
    run(["fix", str(tmp_path), "--diff", "--dry-run"])
    assert "\n-\tdocker compose build --parallel\n+\tdocker compose build\n" in capfd.readouterr().out
