"""Runs a workflow of GitHub Actions on this machine: every `run` for real, actions by stand-ins for what they are used for."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml
from expressions import filled, shown, truth, whole

Data = Mapping[str, Any]


@dataclass
class Job:
    """How one job has ended."""

    result: str
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    text: str = ""
    steps: list[str] = field(default_factory=list[str])
    """The names of the steps that were run."""


@dataclass
class WorkflowRun:
    """One run of a workflow file of a repository, in a folder of its own."""

    repository: Path
    folder: Path
    workflow: str
    event: Data
    """The `github` context beside what is the same for all runs."""
    path: str
    """For programs; stand-ins first."""
    variables: Data = field(default_factory=dict[str, Any])
    inputs: Data = field(default_factory=dict[str, Any])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    sarif: dict[str, Data] = field(default_factory=dict[str, Any])
    """What was uploaded, by its category."""
    used: list[tuple[str, Data]] = field(default_factory=list[Any])
    """Every action with its inputs."""

    def run(self) -> "WorkflowRun":
        """Run every job, after those that it needs; jobs that have an end already are taken to have ended so."""
        data = yaml.safe_load((self.repository / self.workflow).read_text())
        waiting = {name: job for name, job in data["jobs"].items() if name not in self.jobs}
        while waiting:
            ready = [name for name, job in waiting.items() if all(each in self.jobs for each in _needs(job))]
            assert ready, f"jobs wait for each other: {list(waiting)}"
            for name in ready:
                self.jobs[name] = self._job(name, waiting.pop(name), data)
        return self

    @property
    def results(self) -> dict[str, str]:
        return {name: job.result for name, job in self.jobs.items()}

    def _context(self, job: Data, **more: object) -> dict[str, object]:
        needs = {name: {"result": self.jobs[name].result, "outputs": self.jobs[name].outputs} for name in _needs(job)}
        github: dict[str, object] = {
            "workflow": "Containers", "repository": "Acme/Shop", "ref_name": "main", "ref": "refs/heads/main", "actor": "someone",
            "token": "token", "workflow_ref": f"Acme/Shop/{self.workflow}@refs/heads/main", "event": {}, **self.event,
        }  # fmt: skip
        return {"github": github, "needs": needs, "vars": self.variables, "inputs": self.inputs, "secrets": {}, **more}

    def _job(self, name: str, job: Data, data: Data) -> Job:
        before = {each for need in _needs(job) for each in self._above(need, data)}
        bad = any(self.jobs[each].result == "failure" for each in before)
        good = all(self.jobs[each].result == "success" for each in _needs(job))
        functions = {"failure": lambda: bad, "cancelled": lambda: False, "always": lambda: True, "success": lambda: good}
        condition = str(job.get("if", "success()"))
        if not any(f"{each}(" in condition for each in functions):
            condition = f"success() && ({condition.strip().removeprefix('${{').removesuffix('}}')})"
        if not truth(whole(condition, self._context(job), functions)):
            return Job("skipped")
        entries: list[Data] = [{}]
        if "strategy" in job:
            include = whole(str(job["strategy"]["matrix"]["include"]), self._context(job), functions)
            assert include, "an empty matrix is an error"
            entries = cast("list[Data]", include)
        ends = [self._instance(name, number, job, data, entry) for number, entry in enumerate(entries)]
        worst = "failure" if any(each.result == "failure" for each in ends) else "success"
        steps = [step for each in ends for step in each.steps]
        return Job(worst, ends[-1].outputs, "".join(each.text for each in ends), steps)

    def _above(self, name: str, data: Data) -> set[str]:
        return {name}.union(*(self._above(each, data) for each in _needs(data["jobs"][name])))

    def _instance(self, name: str, number: int, job: Data, data: Data, matrix: Data) -> Job:
        place = self.folder / "runner" / f"{name}-{number}"
        workspace, temporary = place / self.repository.name, place / "temp"
        workspace.mkdir(parents=True)
        temporary.mkdir()
        machine = _Machine(self, name, job, data, matrix, workspace, temporary)
        return machine.run()


@dataclass
class _Machine:
    """The machine of one job."""

    run_: WorkflowRun
    name: str
    job: Data
    data: Data
    matrix: Data
    workspace: Path
    temporary: Path
    steps: dict[str, Data] = field(default_factory=dict[str, Any])
    failed: bool = False
    text: str = ""

    def run(self) -> Job:
        ran = [str(step.get("name")) for step in self.job["steps"] if self._step(step)]
        outputs = {key: self._filled(value) for key, value in self.job.get("outputs", {}).items()}
        return Job("failure" if self.failed else "success", outputs, self.text, ran)

    def _context(self) -> dict[str, object]:
        return self.run_._context(self.job, steps=self.steps, matrix=self.matrix, runner={"temp": str(self.temporary)})  # pyright: ignore[reportPrivateUsage]

    def _filled(self, value: object) -> str:
        failed = self.failed
        functions = {"failure": lambda: failed, "cancelled": lambda: False, "success": lambda: not failed}
        return filled(shown(value), self._context(), functions)

    def _step(self, step: Data) -> bool:
        condition = str(step.get("if", "success()"))
        if not any(f"{each}(" in condition for each in ("failure", "cancelled", "always", "success")):
            condition = f"success() && ({condition.strip().removeprefix('${{').removesuffix('}}')})"
        failed = self.failed
        functions = {
            "failure": lambda: failed,
            "cancelled": lambda: False,
            "always": lambda: True,
            "success": lambda: not failed,
        }
        if not truth(whole(condition, self._context(), functions)):
            return False
        outputs: dict[str, str] = {}
        good = self._used(step) if "uses" in step else self._ran(step, outputs)
        if "id" in step:
            self.steps[step["id"]] = {"outcome": "success" if good else "failure", "outputs": outputs}
        self.failed |= not good and not step.get("continue-on-error", False)
        return True

    def _ran(self, step: Data, outputs: dict[str, str]) -> bool:
        assert "${{" not in step["run"]
        files = {each: self.temporary / each for each in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")}
        for file in files.values():
            file.write_text("")
        said = {**self.data.get("env", {}), **self.job.get("env", {}), **step.get("env", {})}
        environment = {
            "PATH": self.run_.path, "HOME": str(self.temporary), "LANG": "C.UTF-8", "CI": "true", "GITHUB_JOB": self.name,
            "GITHUB_REPOSITORY": "Acme/Shop", "GITHUB_SHA": "c" * 40, "RUNNER_TEMP": str(self.temporary),
            **{key: str(file) for key, file in files.items()}, **self.run_.environment,
            **{key: self._filled(value) for key, value in said.items()},
        }  # fmt: skip
        cwd = self.workspace / self._filled(step.get("working-directory", "."))
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=cwd, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.text += done.stdout + done.stderr
        for line in files["GITHUB_OUTPUT"].read_text().splitlines():
            key, _, value = line.partition("=")
            outputs[key] = value
        self.text += files["GITHUB_STEP_SUMMARY"].read_text()
        return done.returncode == 0

    def _used(self, step: Data) -> bool:
        action = str(step["uses"]).partition("@")[0]
        given = {key: self._filled(value) for key, value in step.get("with", {}).items()}
        self.run_.used.append((action, given))
        does = {
            "actions/checkout": self._check_out, "actions/upload-artifact": self._upload,
            "actions/download-artifact": self._download, "github/codeql-action/upload-sarif": self._sarif,
        }.get(action)  # fmt: skip
        return does(given) if does else True

    def _check_out(self, given: Data) -> bool:
        assert given["persist-credentials"] == "false"
        words = ["clone", "-q", "--no-local", *([] if given.get("fetch-depth") == "0" else ["--depth=1"])]
        subprocess.run(["git", *words, f"file://{self.run_.repository}", str(self.workspace)], check=True, capture_output=True)
        return True

    @property
    def _artifacts(self) -> Path:
        return self.run_.folder / "artifacts"

    def _upload(self, given: Data) -> bool:
        target = self._artifacts / given["name"]
        assert not target.exists(), "an artifact's name is taken"
        paths = [Path(line) for line in given["path"].splitlines() if line.strip()]
        found = [path for path in paths if path.exists()]
        target.mkdir(parents=True)
        for path in found:
            if path.is_dir():
                shutil.copytree(path, target if len(paths) == 1 else target / path.name, dirs_exist_ok=True)
            else:
                shutil.copy2(path, target)
        return bool(found) or given.get("if-no-files-found") == "ignore"

    def _download(self, given: Data) -> bool:
        place = Path(given["path"])
        if "name" in given:
            return bool(shutil.copytree(self._artifacts / given["name"], place, dirs_exist_ok=True))
        for artifact in self._artifacts.glob(given["pattern"]):
            assert given["merge-multiple"] == "true"
            shutil.copytree(artifact, place, dirs_exist_ok=True)
        return True

    def _sarif(self, given: Data) -> bool:
        file = Path(given["sarif_file"])
        if not file.exists():
            return False
        data = json.loads(file.read_text())
        assert len(data["runs"]) == 1
        assert given["category"] not in self.run_.sarif
        self.run_.sarif[given["category"]] = data
        return True


def _needs(job: Data) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else list(needs)


def programs(*folders: Path) -> str:
    """A search path with some folders first."""
    return os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"])
