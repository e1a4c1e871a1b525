"""`trimtab ci` as a user calls it: what is written, what is left, what is said, and the plan of a run."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from trimtab.cli.ci import ci
from trimtab.errors import UsageError

WORKFLOW = ".github/workflows/containers.yml"
FILES = {WORKFLOW, ".github/dependabot.yml"}


def call(folder: Path, *words: str) -> int:
    app = App(default_command=ci)
    result = app([str(folder), *words], exit_on_error=False, print_error=False, result_action="return_value")
    assert isinstance(result, int)
    return result


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=trunk"]
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(shop: Path) -> Path:
    """The example fleet in a repository whose branch is called `trunk`."""
    git(shop, "init", "-q")
    git(shop, "add", "-A")
    git(shop, "commit", "-q", "-m", "one")
    return shop


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def data_of(folder: Path, *words: str) -> dict[str, Any]:
    path = folder.parent / "result.json"
    call(folder, "--format", "json", "-o", str(path), "-q", *words)
    return json.loads(path.read_text())


def written(folder: Path) -> dict[str, str]:
    return {path: (folder / path).read_text() for path in FILES if (folder / path).exists()}


def test_the_files_are_written_for_the_repositorys_own_branch(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(repository) == 0
    assert set(written(repository)) == FILES
    assert 'branches: ["trunk"]' in written(repository)[WORKFLOW]
    text = said(capsys)
    assert f"new {WORKFLOW} new .github/dependabot.yml" in text
    assert "no tests were found for catalog, orders, worker, scheduler, reports and 4 more" in text
    assert text.endswith("2 of 2 written")


def test_the_branch_of_the_remote_counts_more(repository: Path, tmp_path: Path) -> None:
    git(repository, "branch", "main")
    git(tmp_path, "clone", "-q", str(repository), "copy")
    git(tmp_path / "copy", "checkout", "-q", "-b", "mine")
    assert call(tmp_path / "copy", "-q") == 0
    assert 'branches: ["trunk"]' in written(tmp_path / "copy")[WORKFLOW]


def test_a_second_time_changes_nothing_and_the_check_holds(repository: Path) -> None:
    assert call(repository, "--check") == 1
    assert written(repository) == {}
    call(repository)
    before = written(repository)
    stamps = {path: (repository / path).stat().st_mtime_ns for path in FILES}
    assert call(repository) == 0
    assert call(repository, "--check") == 0
    assert written(repository) == before
    assert {path: (repository / path).stat().st_mtime_ns for path in FILES} == stamps


def test_options_need_not_be_said_again(repository: Path) -> None:
    call(repository, "--registry", "registry.example.com/acme/", "--fail-on", "critical")
    before = written(repository)[WORKFLOW]
    assert "registry.example.com/acme" in before
    assert call(repository) == 0
    assert written(repository)[WORKFLOW] == before
    call(repository, "--fail-on", "low")
    assert "default: low" in written(repository)[WORKFLOW]
    assert "registry.example.com/acme" in written(repository)[WORKFLOW]


def test_what_lies_outside_of_the_marks_stays_and_what_is_ours_follows_the_fleet(repository: Path) -> None:
    call(repository)
    file = repository / WORKFLOW
    own = "\n  own:\n    runs-on: ubuntu-latest\n    steps: []\n"
    file.write_text(file.read_text().replace("# <<< trimtab: gate\n", f"# <<< trimtab: gate\n{own}"))
    shutil.rmtree(repository / "services/web")
    (repository / "services/catalog/test_it.py").write_text("")
    assert call(repository, "--check") == 1
    assert call(repository) == 0
    text = file.read_text()
    assert own in text
    assert "# >>> trimtab: test sha256:" in text
    assert data_of(repository)["files"][0]["fate"] == "unchanged"


def test_an_edited_block_is_shown_and_kept(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(repository)
    file = repository / WORKFLOW
    mine = file.read_text().replace("timeout-minutes: 5\n", "timeout-minutes: 7\n")
    file.write_text(mine)
    capsys.readouterr()
    assert call(repository) == 0
    assert call(repository, "--check") == 0
    text = said(capsys)
    assert "kept result: somebody has edited it, and we would write what we wrote then: it stays" in text
    assert "- timeout-minutes: 7" in text
    assert file.read_text() == mine
    # Something else would be written there now: another job has to be waited for.
    (repository / "services/catalog/test_it.py").write_text("")
    capsys.readouterr()
    assert call(repository) == 1
    assert "timeout-minutes: 7\n" in file.read_text()
    assert "# >>> trimtab: test sha256:" in file.read_text()
    assert "left result: somebody has edited it, and we would write something else now; --force does" in said(capsys)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "mine")
    assert call(repository, "--force") == 0
    assert "timeout-minutes: 5\n" in file.read_text()
    assert "needs: [plan, images, test, gate, release, deploy]" in file.read_text()


def test_a_workflow_of_somebody_is_left_and_force_asks_git(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = repository / WORKFLOW
    file.parent.mkdir(parents=True)
    file.write_text("on: push\n")
    assert call(repository) == 1
    assert file.read_text() == "on: push\n"
    assert f"left {WORKFLOW} somebody has written it; --force puts ours in its place" in said(capsys)
    with pytest.raises(UsageError, match="has uncommitted changes"):
        call(repository, "--force")
    assert call(repository, "--force", "--allow-dirty") == 0
    assert "# >>> trimtab: plan" in file.read_text()


def test_a_dry_run_writes_nothing_and_shows_what_it_would(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(repository, "--dry-run", "--diff") == 0
    assert written(repository) == {}
    text = capsys.readouterr().out
    assert "+name: Containers" in text
    assert "2 of 2 would be written" in text


def test_a_fleet_below_the_top_puts_its_workflow_at_the_top(tmp_path: Path, shop: Path) -> None:
    top = tmp_path / "top"
    (top / "fleets").mkdir(parents=True)
    shutil.copytree(shop, top / "fleets" / "shop")
    git(top, "init", "-q")
    assert call(top / "fleets" / "shop") == 0
    text = written(top)[WORKFLOW]
    assert 'FLEET: "fleets/shop"' in text
    assert "trimtab deploy fleets/shop/compose.yaml" in text
    assert "/fleets/shop/services/web" in written(top)[".github/dependabot.yml"]


def test_another_folder_and_a_fleet_without_git(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(shop, "--output-dir", str(tmp_path / "out")) == 0
    assert set(written(tmp_path / "out")) == FILES
    assert written(shop) == {}
    assert "the default branch is not known and taken to be `main`" in said(capsys)


def test_gitlab(repository: Path) -> None:
    assert call(repository, "--provider", "gitlab") == 0
    text = (repository / ".gitlab-ci.yml").read_text()
    assert '$CI_COMMIT_BRANCH == "trunk"' in text
    assert written(repository) == {}
    assert call(repository, "--provider", "gitlab", "--check") == 0


def test_the_plan_of_a_change(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (repository / "services/catalog/src/main.py").write_text("changed = 1\n")
    data = data_of(repository, "--plan", "--since", "HEAD")
    built = [name for name, reasons in data["targets"].items() if reasons]
    assert "catalog" in built
    assert "gateway" not in built
    assert call(repository, "--plan", "--since", "HEAD", "--format", "github") == 0
    printed = capsys.readouterr()
    lines = dict(line.split("=", 1) for line in printed.out.splitlines())
    assert [each["target"] for each in json.loads(lines["images"])] == built
    assert "of 9 images in 1 wave" in printed.err
    assert call(repository, "--plan", "-q") == 0
    assert "9 of 9 images in 1 wave; 0 test suites" in said(capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--since", "HEAD"], "pass --plan with it"),
        (["--plan", "--since", "nowhere"], "knows no revision `nowhere`"),
        (["--fail-on", "bad"], "none of info, low"),
        (["--format", "github"], "has no format `github`"),
    ],
)
def test_what_cannot_be_done_says_why(repository: Path, words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(repository, *words)
    assert written(repository) == {}


def test_files_and_empty_folders_have_no_pipeline(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name its folder"):
        call(repository / "compose.yaml")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="nothing to build"):
        call(tmp_path / "empty")


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_the_pipeline_of_another_fleet_stays(tmp_path: Path, provider: str) -> None:
    git(tmp_path, "init", "-q")
    for name in ("alpha", "beta"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "compose.yaml").write_text("services:\n  app: {build: .}\n")
        (tmp_path / name / "Dockerfile").write_text("FROM python:3.12-slim\n")
    main = tmp_path / (WORKFLOW if provider == "github" else ".gitlab-ci.yml")
    assert call(tmp_path / "alpha", "--provider", provider) == 0
    first = main.read_text()
    with pytest.raises(UsageError, match="is the pipeline of the fleet in `alpha`"):
        call(tmp_path / "beta", "--provider", provider)
    assert main.read_text() == first
    assert call(tmp_path / "alpha", "--provider", provider, "--check") == 0
    assert call(tmp_path / "beta", "--provider", provider, "--output-dir", str(tmp_path / "beta")) == 0
    shutil.rmtree(tmp_path / "alpha")
    assert call(tmp_path / "beta", "--provider", provider) == 0
    assert '"beta"' in main.read_text()
