"""What a command is given to work with."""

import subprocess
from pathlib import Path

from trimtab.cli.options import Common, RuleChoice, load
from trimtab.fleet import Outside


def test_a_command_that_reviews_nothing_waits_for_no_rule(tmp_path: Path) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    for text in ("FROM scratch\n", "FROM scratch\nCOPY . .\n"):
        (tmp_path / "Dockerfile").write_text(text)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", "one"], check=True)
    of_history = RuleChoice(select=("DF113",))
    reviewed = load((tmp_path,), Common(), of_history)
    assert [rule.code for rule in reviewed.rules] == ["DF113"]
    assert reviewed.fleet.outside.changes == {"Dockerfile": 1}
    built = load((tmp_path,), Common(), of_history, reviews=False)
    assert not built.rules
    assert built.fleet.outside == Outside()
    assert [file.path for file in built.fleet.files] == ["Dockerfile"]
