"""A small fleet in a git repository, with everything that a pipeline has jobs for: a base, two services, tests in two languages."""

import subprocess
from pathlib import Path

from cyclopts import App

from trimtab.cli.ci import ci

FILES = {
    "compose.yaml": "services:\n"
    "  base: {build: base, image: acme/base, profiles: [base]}\n"
    "  web: {build: web}\n"
    "  api: {build: api, image: 'acme/api:1'}\n",
    "base/Dockerfile": "FROM python:3.12-slim\nCOPY lib.py /lib/\n",
    "base/lib.py": "",
    "web/Dockerfile": "FROM acme/base\nCOPY app.py /app/\n",
    "web/app.py": "",
    "web/test_web.py": "def test_web(): ...\n",
    "api/Dockerfile": "FROM node:20-slim\nCOPY index.js /app/\n",
    "api/index.js": "",
    "api/package.json": '{"scripts": {"test": "node --test"}}\n',
    "trimtab.toml": "offline = true\n[gate]\noverall = 1\nsecurity = 0\nmaintainability = 0\n",
    "README.md": "A fleet.\n",
}


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, **texts: str) -> str:
    """Write files, `__` standing for `/` and `_.` for a dot, and commit all; the new revision."""
    for name, text in texts.items():
        (folder / name.replace("__", "/").replace("_py", ".py").replace("_md", ".md").replace("_js", ".js")).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", "a change")
    return git(folder, "rev-parse", "HEAD")


def call(folder: Path, *words: str) -> int:
    """`trimtab ci` on a folder."""
    app = App(default_command=ci)
    result = app([str(folder), *words], exit_on_error=False, print_error=False, result_action="return_value")
    assert isinstance(result, int)
    return result


def write_fleet(folder: Path) -> Path:
    """The files alone."""
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def fleet_in_git(folder: Path, provider: str = "github") -> Path:
    """The fleet with its pipeline, committed on `main`."""
    write_fleet(folder)
    git(folder, "init", "-q")
    commit(folder)
    assert call(folder, "--provider", provider, "-q", "-o", str(folder.parent / "said")) == 0
    commit(folder)
    return folder
