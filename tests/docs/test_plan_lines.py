"""The command lines of a plan: the page has each with what it printed, and those that need no engine end as it says."""

import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
from documents import ROOT

PAGE = "docs/guides/plan.md"
PLANS = (
    'reviewer review --pattern "**/Dockerfile*" --format json --output ',
    "reviewer review docker-compose.yml",
    "reviewer review scripts/deploy.sh scripts/deploy.ps1",
    "reviewer score --pattern ",
    'implementer refactor services/*/Dockerfile "Standardize base images',
    'implementer refactor services/*/Dockerfile "Add BuildKit cache mounts',
    'implementer refactor services/*/Dockerfile "Optimize layer ordering',
    'implementer refactor services/*/.dockerignore "Add comprehensive exclusions',
    'implementer refactor services/*/Dockerfile "Ensure all services: 1) Use non-root users',
    'implementer refactor scripts/deploy.sh "Optimize build script',
    'implementer refactor scripts/deploy.sh scripts/deploy.ps1 "Enhance deployment scripts',
    'architect design-system "Design optimal resource allocation',
    'architect design-system "Optimize Docker network configuration',
    'architect design-system "Design CI/CD integration',
    'architect design-system "Design monitoring and observability',
    'planner plan "Create parallel Docker build strategy',
    'planner plan "Create optimized deployment workflow',
    "ops security-scan --target services/ --type all",
    'workflow full --prompt "',
    'workflow rapid --prompt "',
)
"""What such plans consist of, each from its beginning."""


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("plan_lines", ROOT / "scripts/plan_lines.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()
WITHOUT_ENGINE = [line for line in SCRIPT.LINES if not line.engine]


@pytest.fixture(scope="module")
def printed() -> Mapping[str, tuple[str, int]]:
    """What the page says of each line: its output, and how it ended."""
    found = re.findall(r"^```text\n\$ (.*?)\n(.*?)\n?exit (\d+)\n```$", (ROOT / PAGE).read_text(), re.MULTILINE | re.DOTALL)
    return {line: (text, int(code)) for line, text, code in found}


def test_the_page_has_every_line_of_a_plan_in_its_order(printed: Mapping[str, tuple[str, int]]) -> None:
    assert list(printed) == [line.text for line in SCRIPT.LINES]
    for begun in PLANS:
        assert any(line.removeprefix("trimtab ").startswith(begun) for line in printed), begun


def test_nothing_on_the_page_broke_or_is_of_one_machine(printed: Mapping[str, tuple[str, int]]) -> None:
    for line, (text, code) in printed.items():
        assert code in {0, 1, 2}, line
        assert "Traceback" not in text, line
        assert not re.search(r"(?<![\w.>])/(?:tmp|home|root)/(?!\.)", text.replace("/root/.cache", "")), line
        assert text or "--output" in line, line


def test_lines_that_need_no_engine_end_as_the_page_says(printed: Mapping[str, tuple[str, int]], tmp_path: Path) -> None:
    fleet = SCRIPT.prepare(tmp_path)
    assert len(WITHOUT_ENGINE) >= 9
    for line in WITHOUT_ENGINE:
        done = SCRIPT.run(line, fleet)
        text, code = printed[line.text]
        assert done.code == code, (line.text, done.text)
        for said in re.findall(r"^\w+: (?:done|unchanged|failed|not checked), .*$", text, re.MULTILINE):
            assert said in done.text, line.text
