"""Programs for where an engine, a registry or GitHub would be needed: they write down how they were called, and answer.

`trimtab` itself is the real one, but for what only an engine could answer: scans of images, deployments, rollbacks, states.
"""

import json
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LOG = """#!{python}
import json, os, pathlib, sys
place = pathlib.Path(os.environ["STAND_INS"])
words = sys.argv[1:]
with (place / "log").open("a") as file:
    json.dump([os.environ.get("GITHUB_JOB", ""), {name!r}, *words], file)
    file.write("\\n")
answers = json.loads((place / "answers.json").read_text())
"""
_DOCKER = """
import hashlib
def digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
def after(flag):
    return [words[number + 1] for number, word in enumerate(words) if word == flag]
if words[0] == "version":
    print("28.0")
elif words[:2] == ["buildx", "inspect"]:
    print("Name: ci\\nDriver: docker-container\\nEndpoint: x")
elif words[:2] == ["buildx", "build"]:
    tag = after("--tag")[0]
    if tag in answers.get("fails", []):
        sys.exit("ERROR: failed to solve: it does not build")
    pathlib.Path(after("--metadata-file")[0]).write_text(json.dumps({"containerimage.digest": digest(tag)}))
    for output in after("--output"):
        dest = output.partition("dest=")[2]
        if output.startswith("type=oci"):
            pathlib.Path(dest).mkdir(parents=True, exist_ok=True)
            (pathlib.Path(dest) / "index.json").write_text(json.dumps({"manifests": [{"digest": digest(tag)}]}))
elif words[:2] == ["image", "inspect"]:
    if "--format" in words and "RepoDigests" in words[words.index("--format") + 1]:
        pushed = [json.loads(line)[-1] for line in (place / "log").read_text().splitlines() if json.loads(line)[2] == "push"]
        print("docker.io/other@" + digest("other"))
        for name in pushed:
            print(name.rpartition(":")[0] + "@" + digest(name))
    else:
        sys.exit(0 if words[-1] in answers.get("there", []) else 1)
"""
_TRIMTAB = """
import subprocess
def after(flag):
    return next((words[number + 1] for number, word in enumerate(words) if word == flag), None)
state = place / "revision"
revision = int(state.read_text()) if state.exists() else 0
if words[0] == "scan" and "--image" in words:
    pathlib.Path(after("--output")).write_text(json.dumps({"runs": [{"results": []}]}))
    pathlib.Path(after("--write-sbom")).mkdir(parents=True, exist_ok=True)
    sys.exit(answers.get("scans", {}).get(after("--image"), 0))
elif words[0] == "status":
    print(json.dumps({"services": [{"revision": revision or None}]}))
elif words[0] == "deploy":
    if answers.get("deploy", 0) == 0 and not answers.get("nothing new"):
        state.write_text(str(revision + 1))
    sys.exit(answers.get("deploy", 0))
elif words[0] == "rollback":
    state.write_text(str(revision + 1))
else:
    code = '''
from trimtab.cli.app import COMMANDS, app, main
if "ci" not in COMMANDS:
    app.command("trimtab.cli.ci:ci", name="ci")
main()
'''
    sys.exit(subprocess.run([sys.executable, "-c", code, *words]).returncode)
"""
_GH = """
if "last good" not in answers:
    sys.exit("gh: Not Found")
print(answers["last good"])
"""
_PYTHON = """
if words[:2] != ["-m", "pip"]:
    os.execv(sys.executable, [sys.executable, *words])
"""


@dataclass(frozen=True)
class StandIns:
    """A folder of them, with what they are to answer."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    @property
    def environment(self) -> Mapping[str, str]:
        return {"STAND_INS": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def answer(self, **answers: object) -> None:
        """What they answer from now on; `_` stands for a space."""
        (self.folder / "answers.json").write_text(json.dumps({key.replace("_", " "): value for key, value in answers.items()}))

    @property
    def calls(self) -> list[list[str]]:
        """Every call: the job, the program, its words."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def called(self, *words: str) -> list[list[str]]:
        """The calls of a program that begin with some words, without the job."""
        return [call[1:] for call in self.calls if call[1 : 1 + len(words)] == list(words)]


def stand_ins(folder: Path) -> StandIns:
    """Make them."""
    found = StandIns(folder)
    found.programs.mkdir(parents=True)
    (folder / "log").write_text("")
    found.answer()
    bodies = {"docker": _DOCKER, "trimtab": _TRIMTAB, "gh": _GH, "python": _PYTHON, "pipx": "", "npm": "", "corepack": ""}
    for name, body in bodies.items():
        path = found.programs / name
        path.write_text(_LOG.format(python=sys.executable, name=name) + body)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return found
