"""Three services behind one lane of the holder get their new versions side by side, and nobody notices."""

import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from deployed import HOLDER, IMAGE, SERVER, Callers, Stack, resumed_and_undone

from trimtab.history import opened

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("deploying")]

SERVICES = ("api", "shop", "web")
SERVICE = """\
  {name}:
    image: {image}
    command: [python3, /app/server.py]
    restart: unless-stopped
    volumes: ["./server-{inside}.py:/app/server.py:ro"]
    environment: {{VERSION: "${{VERSION:-1}}", MODE: "${{{upper}_MODE:-good}}"}}
    ports: ["127.0.0.1:{port}:{inside}"]
    healthcheck:
      test: [CMD, python3, -c, "import urllib.request as u; u.urlopen('http://localhost:{inside}/health')"]
      interval: 1s
      retries: 16
"""


@dataclass
class Three(Stack):
    """A project of three services that need nothing of each other, on ports of their own: one lane leads to all."""

    def write(self, config: str = "[deploy]\nsettle = 1\n") -> None:
        self.folder.mkdir(exist_ok=True)
        text = f"name: {self.project}\nservices:\n"
        for number, name in enumerate(SERVICES):
            inside = 8000 + number
            (self.folder / f"server-{inside}.py").write_text(SERVER.replace("8000", str(inside)))
            text += SERVICE.format(name=name, image=IMAGE, inside=inside, port=self.port + number, upper=name.upper())
        (self.folder / "compose.yaml").write_text(text)
        (self.folder / "trimtab.toml").write_text(config)

    def serves(self, patience: float = 10) -> str:
        """What all three answer, if it is the same."""
        answers = [self._asked(self.port + number, patience) for number in range(len(SERVICES))]
        return answers[0] if len(set(answers)) == 1 else "/".join(answers)

    def _asked(self, port: int, patience: float) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=patience) as answer:
            return answer.read().decode()

    def steps(self) -> list[tuple[str, str]]:
        """The steps of the last deployment, in the order in which they were begun."""
        with opened(self.folder) as store:
            journal = store.deployments
            return [(each.service, each.step) for each in journal.steps(journal.rows(1)[0].id)]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Three]:
    number = abs(hash(tmp_path.name)) % 150
    found = Three(tmp_path / "fleet", f"beside-{os.getpid()}-{number}", 19600 + 3 * number)
    found.write(f'[deploy]\nholder = ["*"]\nholder-image = "{HOLDER}"\nsettle = 1\n')
    found.deployed()
    yield found
    found.remove()


def test_they_change_side_by_side_and_a_bad_one_harms_nobody(stack: Three) -> None:
    with Callers(stack) as callers:
        good = stack.data("deploy", VERSION="2")
        told = stack.steps()
        bad = stack.data("deploy", VERSION="3", SHOP_MODE="sick")
        assert stack.trimtab("rollback", "--quiet").returncode == 0
    assert {each["strategy"] for each in good["services"].values()} == {"switch"}
    begun = [place for place, text in told if text == "start the new one"]
    first_end = next(number for number, (_, text) in enumerate(told) if text == "stop the one before")
    assert sorted(begun) == sorted(SERVICES)
    assert sum(text == "start the new one" for _, text in told[:first_end]) > 1
    assert bad["code"] == 1
    assert bad["services"]["shop"]["outcome"] == "rolled-back"
    assert callers.failures == []
    assert stack.serves() == "2"


def test_killed_while_several_are_half_way(stack: Three) -> None:
    before = stack.names()
    assert resumed_and_undone(stack, 14, 20).failures == []
    assert stack.serves() == "2"
    assert stack.names() == before
