"""`trimtab export` as a user meets it, with a client that answers as compose does."""

import json
import os
from pathlib import Path

import pytest

from trimtab.cli.export import export
from trimtab.errors import UsageError

CONFIG: dict[str, object] = {
    "name": "shop",
    "services": {
        "web": {
            "image": "registry.example/web:1",
            "command": None,
            "environment": {"API_TOKEN": "very-secret-93712"},
            "expose": ["80"],
            "healthcheck": {"test": ["CMD", "check"]},
            "logging": {"driver": "fluentd"},
            "configs": [{"source": "conf", "target": "/etc/web.conf"}],
            "restart": "always",
            "networks": {"default": None},
        }
    },
    "networks": {"default": {"name": "shop_default", "ipam": {}}},
}
CLIENT = """#!/bin/sh
case "$*" in
  *--format*) echo 'time="x" level=warning msg="The \\"COLOUR\\" variable is not set. Defaulting to a blank string."' >&2; cat "$ANSWER" ;;
  *--hash*) echo "web 1234" ;;
  *--services*) printf 'web\\nreports\\n' ;;
  *) exit 64 ;;
esac
"""
BROKEN = "#!/bin/sh\necho 'service \"web\" refers to undefined network lost' >&2\nexit 15\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "compose.yaml").write_text("services:\n  web: {image: registry.example/web:1}\n")
    (folder / "web.conf").write_text("listen = 80\n")
    data = {**CONFIG, "configs": {"conf": {"name": "shop_conf", "file": str(folder / "web.conf")}}}
    (tmp_path / "answer.json").write_text(json.dumps(data))
    (tmp_path / "bin").mkdir()
    client(tmp_path, CLIENT)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ANSWER", str(tmp_path / "answer.json"))
    monkeypatch.chdir(folder)
    return folder


def client(tmp_path: Path, script: str) -> None:
    path = tmp_path / "bin" / "docker"
    path.write_text(script)
    path.chmod(0o755)


def call(*words: str) -> object:
    return export(list(words), exit_on_error=False, print_error=False, result_action="return_value")


@pytest.mark.parametrize(
    ("target", "files"),
    [("k8s", {"web.yaml", "configs.yaml", "secrets.yaml", "network-policies.yaml"}), ("swarm", {"stack.yml"})],
)
def test_files_are_written_and_losses_shown(
    project: Path, capsys: pytest.CaptureFixture[str], target: str, files: set[str]
) -> None:
    assert call(target, "--output-dir", "out") == 0
    assert {path.name for path in (project / "out").iterdir()} == files
    printed = capsys.readouterr()
    assert "shop: " in printed.out
    assert "Not exported, as their profiles are not chosen: reports" in printed.out
    assert "`COLOUR` has no value" in printed.err
    assert "very-secret-93712" not in printed.out + printed.err + "".join(p.read_text() for p in (project / "out").iterdir())


def test_strict_makes_a_loss_a_finding(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del project
    assert call("k8s", "--output-dir", "out", "--strict", "--format", "json", "-q") == 1
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "trimtab.export/1"
    assert data["left_out"] == ["reports"]
    assert {"service": "web", "key": "logging", "kind": "lost"}.items() <= next(
        loss.items() for loss in data["losses"] if loss["key"] == "logging"
    )
    assert sorted(data["files"]) == data["files"] == data["written"]
    # A swarm has all of it: nothing is lost there.
    assert call("swarm", "--output-dir", "out2", "--strict", "-q") == 0


def test_a_configuration_file_is_read_beside_the_project(project: Path) -> None:
    assert call("k8s", "--output-dir", "out", "-q") == 0
    assert 'content: "listen = 80\\n"' in (project / "out" / "configs.yaml").read_text()


def test_images_are_named_by_service(project: Path) -> None:
    image = "registry.example/web@sha256:" + "b" * 64
    assert call("swarm", "--output-dir", "out", "--image", f"web={image}", "-q") == 0
    assert f'image: "{image}"' in (project / "out" / "stack.yml").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["k8s", "--image", "web"], "says no image"),
        (["k8s", "--image", "wob=x"], "There is no service `wob`; there are web"),
        (["k8s", "--volume-size", "lots"], "`lots` is no size"),
        (["swarm", "--monitor", "0"], "at least 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(project: Path, words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call(*words, "--output-dir", "out")
    assert not (project / "out").exists()


def test_what_compose_says_is_passed_on(project: Path, tmp_path: Path) -> None:
    client(tmp_path, BROKEN)
    with pytest.raises(UsageError, match="refers to undefined network lost"):
        call("k8s", "--output-dir", "out")
    assert not (project / "out").exists()
