"""The laboratory's parts on a real engine: neighbours, volumes, every scenario, contexts, and the ground truth's sample."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import anyio
import pytest
from test_optimize import BASE, SERVER, optimized, write

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("engine"), pytest.mark.xdist_group("proving")]

STORE = (
    BASE
    + "COPY server.py .\nHEALTHCHECK --interval=1s CMD python -c \"import urllib.request as u; u.urlopen('http://localhost:8000')\"\n"
    + 'CMD ["python", "server.py"]\n'
)
CLIENT = "import time, urllib.request\nprint(urllib.request.urlopen('http://store:8000/', timeout=5).status)\ntime.sleep(60)\n"


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_a_service_that_needs_another_is_run_beside_it(tmp_path: Path) -> None:
    files = {
        "store/Dockerfile": STORE,
        "store/server.py": SERVER,
        "app/Dockerfile": BASE + 'RUN pip install six\nCOPY client.py .\nCMD ["python", "client.py"]\n',
        "app/client.py": CLIENT,
        "compose.yaml": "services:\n  app:\n    build: app\n    depends_on: [store]\n  store:\n    build: store\n",
    }
    folder = write(tmp_path / "fleet", files)
    found = optimized(folder, "app/Dockerfile", "--select", "DF101,DF201", "--quick")["app/Dockerfile"]
    assert found["verdict"] == "accepted", found
    assert found["behaviour"]["before"]["company"] == ["store"]
    assert found["behaviour"]["after"]["state"] == "running"


def test_an_unprivileged_user_meets_the_files_that_root_has_left(tmp_path: Path) -> None:
    """A new volume would take the image's owner; the one that is there already belongs to root."""
    writer = "import pathlib, time\npathlib.Path('/data/log').open('a').write('x')\ntime.sleep(60)\n"
    text = BASE + "COPY w.py .\nRUN pip install six\nRUN useradd -u 1500 app && mkdir /data && chown app /data\n"
    files = {
        "Dockerfile": text + 'USER root\nCMD ["python", "w.py"]\n',
        "w.py": writer,
        "compose.yaml": "services:\n  app:\n    build: .\n    volumes: ['d:/data']\nvolumes: {d: {}}\n",
    }
    folder = write(tmp_path / "fleet", files)
    data = optimized(folder, "--extend-select", "DF201", "--quick")["Dockerfile"]
    assert "DF201" not in data["accepted"]
    assert "USER root" in (folder / "Dockerfile").read_text()


def test_programs_in_roots_home_are_moved_where_the_image_gets_a_user(tmp_path: Path) -> None:
    """Five services of HomeIQ had to go on as root for it."""
    text = f'{BASE}RUN pip install --user six\nENV PATH=/root/.local/bin:$PATH\nCOPY server.py .\nCMD ["python", "server.py"]\n'
    folder = write(tmp_path / "fleet", {"Dockerfile": text, "server.py": f"import six\n{SERVER}"})
    found = optimized(folder, "--select", "DF201", "--quick", "--apply")["Dockerfile"]
    assert found["verdict"] == "accepted", found
    after = (folder / "Dockerfile").read_text()
    assert "USER 10001" in after
    assert "/root/.local" not in after


def test_programs_from_another_stage_stay_where_the_python_looks_elsewhere(tmp_path: Path) -> None:
    """Debian's Python puts what `--prefix` names below a `local` of its own, and does not look where the fix copies that."""
    text = f"{BASE.strip()} AS builder\nRUN pip install --user six\n{BASE}COPY --from=builder /root/.local /root/.local\n"
    files = {"Dockerfile": f'{text}COPY server.py .\nCMD ["python", "server.py"]\n', "server.py": f"import six\n{SERVER}"}
    folder = write(tmp_path / "fleet", files)
    found = optimized(folder, "--select", "DF201", "--quick", "--apply")["Dockerfile"]
    assert found["verdict"] == "rejected", found
    assert (folder / "Dockerfile").read_text() == files["Dockerfile"]


def test_every_scenario_is_measured_and_a_branch_is_made(tmp_path: Path) -> None:
    text = BASE + 'WORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\nCMD ["python", "server.py"]\n'
    files = {"svc/Dockerfile": text, "svc/requirements.txt": "six==1.17.0\n", "svc/server.py": SERVER,
             "compose.yaml": "services:\n  app:\n    build: svc\n"}  # fmt: skip
    folder = write(tmp_path / "fleet", files)
    git(folder, "init")
    for number in range(3):
        (folder / "svc" / "server.py").write_text(f"{SERVER}# {number}\n")
        git(folder, "add", ".")
        git(folder, "commit", "-m", str(number))
    git(folder, "config", "user.name", "t")
    git(folder, "config", "user.email", "t@example.org")
    words = ["--cold", "--fresh-runner", "--link", "200", "--replay", "2", "--branch", "proven", "--patch", str(tmp_path / "p")]
    found = optimized(folder, "svc/Dockerfile", "--select", "DF101,DF110", *words)["svc/Dockerfile"]
    assert found["verdict"] == "accepted", found
    scenarios = {each["scenario"]: each for each in found["measurements"]}
    assert set(scenarios) == {
        "cold", "no change", "source edit", "dependency edit", "dependency edit on a fresh runner",
        "dependency edit over a slow link", "replayed commit",
    }, found["left_out"]  # fmt: skip
    assert all(len(each["pairs"]) == 2 for each in scenarios.values())
    # A new cache every time: what a cold build does cannot be cached.
    assert scenarios["cold"]["before_seconds"] > scenarios["no change"]["before_seconds"]
    assert found["images"]["after"]["layers"][-1]["line"] is not None
    assert (folder / "svc" / "Dockerfile").read_text() == text
    assert git(folder, "log", "--format=%s", "proven").splitlines()[-1] == "0"
    proven = git(folder, "show", "proven:svc/Dockerfile")
    assert "--mount=type=cache" in proven
    assert proven.index("requirements.txt") < proven.index("COPY . .")
    for patch in sorted((tmp_path / "p").iterdir()):
        git(folder, "apply", str(patch))
    assert (folder / "svc" / "Dockerfile").read_text() == proven


def test_an_ignore_file_is_proven_with_every_image_it_reaches(tmp_path: Path) -> None:
    text = BASE + 'WORKDIR /app\nCOPY . .\nRUN pip install six\nCMD ["python", "server.py"]\n'
    files = {
        "svc/Dockerfile": text,
        "svc/server.py": SERVER,
        "svc/.env": "PASSWORD=example\n",
        "svc/.git/config": "[core]\n",
        "compose.yaml": "services:\n  app:\n    build: svc\n",
    }
    folder = write(tmp_path / "fleet", files)
    found = optimized(folder, "--select", "CX1", "--quick")
    evidence = found["svc/.dockerignore"]
    assert evidence["verdict"] == "accepted", evidence
    assert evidence["context_bytes"]["after"] < evidence["context_bytes"]["before"]
    assert (folder / "svc" / ".dockerignore").exists()


SAMPLE = [
    "openmp-runtime-dropped", "package-of-a-late-import-dropped", "stop-signal-dropped", "search-index-left-in-the-build-stage",
    "linker-cache-not-rebuilt", "calculator-of-the-monthly", "virtual-environment-from", "ownership-set-while-copying",
    "moved-to-another-base-with-the-same-user", "health-check-without-curl",
]  # fmt: skip


def ground_truth() -> ModuleType:
    path = Path(__file__).parents[2] / "bench" / "ground_truth.py"
    spec = importlib.util.spec_from_file_location("ground_truth", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ground_truth"] = module
    spec.loader.exec_module(module)
    return module


def test_a_sample_of_the_ground_truth_is_judged_rightly() -> None:
    module = ground_truth()
    cases = module.all_cases(SAMPLE)
    assert len(cases) == len(SAMPLE)
    outcomes = anyio.run(lambda: module.judge_all(cases, 2, tell=False))
    assert [f"{each.case.path.name}: {each.reason}" for each in outcomes if not each.right] == []
