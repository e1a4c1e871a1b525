"""Pipelines as texts: what a fleet has and what its user asked for, made into files for GitHub and GitLab."""

import json
import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from trimtab.build import Graph
from trimtab.errors import UsageError
from trimtab.fleet import Fleet
from trimtab.fleet.bases import read_reference
from trimtab.fleet.plain import mapping
from trimtab.pipelines.blocks import sealed
from trimtab.pipelines.pins import pin_table
from trimtab.pipelines.plan import MOST, deployed_project
from trimtab.pipelines.suites import Suite
from trimtab.syntax.data import read_json

Provider = Literal["github", "gitlab"]
MAIN_FILES: Mapping[Provider, str] = {"github": ".github/workflows/containers.yml", "gitlab": ".gitlab-ci.yml"}
"""Where the pipeline itself stands."""
_PLAIN = re.compile(r"[\w./:@ +,=~-]*", re.ASCII)
_SAID = re.compile(r"(?m)^# options: (?P<data>\{.*\})[ \t]*\r?$")
_FLEET = re.compile(r'(?m)^  FLEET: "(?P<folder>[^"\r\n]*)"[ \t]*\r?$')
_BOTS = frozenset({"renovate.json", "renovate.json5", ".renovaterc", ".renovaterc.json"})


@dataclass(frozen=True, slots=True)
class Said:
    """What the user asked for; empty means what the repository says."""

    branch: str = ""
    registry: str = ""
    """What images are put below: `registry.example.com/acme`."""
    requirement: str = ""
    """What pip installs trimtab from."""
    fail_on: str = ""

    def over(self, other: "Said") -> "Said":
        """This, with what the other one says where this says nothing."""
        return Said(*(getattr(self, each.name) or getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True)
class Pipeline:
    """Everything that the texts depend on."""

    fleet: Fleet
    graph: Graph
    suites: tuple[Suite, ...]
    name: str
    """What the fleet is called."""
    inside: str
    """Its folder from the repository's top, `""` for the top."""
    branch: str
    """The repository's default branch."""
    requirement: str
    """What pip installs trimtab from, unless the user has said something else."""
    said: Said = Said()


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """One file that is to be written."""

    path: str
    """From where the files are put, the repository's top unless the user says otherwise."""
    text: str


def pipeline_files(pipeline: Pipeline, provider: Provider, others: Iterable[str] = ()) -> tuple[PipelineFile, ...]:
    """The files for a provider; the same fleet always gives the same texts.

    Args:
        pipeline: What they depend on.
        provider: Whom they are for.
        others: Files that the repository has at its top and in `.github`: where Renovate is set up, no Dependabot is.

    Raises:
        UsageError: there is nothing to build, more than a matrix takes, or a name that no pipeline can hold.
    """
    number = len(pipeline.graph.targets)
    if not number:
        raise UsageError("There is nothing to build, so there is no pipeline to write.")
    if number > MOST:
        raise UsageError(f"{number} images are more than the {MOST} jobs that a matrix takes.")
    path = MAIN_FILES[provider]
    found = [PipelineFile(path, _text(pipeline, provider, path))]
    if provider == "github" and not has_renovate(others):
        found.append(PipelineFile(".github/dependabot.yml", _dependabot(pipeline)))
    return tuple(found)


def has_renovate(files: Iterable[str]) -> bool:
    """Whether one of some files sets Renovate up, which keeps actions and images up to date as well."""
    return any(posixpath.basename(each) in _BOTS for each in files)


def read_said(text: str) -> Said:
    """What was asked for when a file was generated, so that nobody has to say it again."""
    match = _SAID.search(text)
    try:
        data = mapping(read_json(match["data"] if match else "{}"))
    except ValueError:
        return Said()
    return Said(*(str(data.get(each.name) or "") for each in fields(Said)))


def read_fleet(text: str) -> str | None:
    """The folder of the fleet that a pipeline is for, from the repository's top; `""` for the top, None where none is named."""
    match = _FLEET.search(text)
    return None if match is None else "" if match["folder"] == "." else match["folder"]


def _said_line(said: Said) -> str:
    found = {each.name: getattr(said, each.name) for each in fields(said) if getattr(said, each.name)}
    return f"# options: {json.dumps(found)}" if found else ""


def _text(pipeline: Pipeline, provider: Provider, path: str) -> str:
    said = pipeline.said
    branch, requirement = said.branch or pipeline.branch, said.requirement or pipeline.requirement
    project = deployed_project(pipeline.fleet)
    files = [posixpath.join(pipeline.inside, each) for each in project.files] if project else []
    for value in (branch, requirement, said.registry, said.fail_on, pipeline.inside, *files):
        _check(value)
    prefix = (said.registry or _own_registry(pipeline.graph) or "").rstrip("/")
    languages = [each for each in ("python", "node") if any(suite.language == each for suite in pipeline.suites)]
    jobs = ["bases"] if any(pipeline.graph.dependants.values()) else []
    needed = ["plan", *jobs, "images", *(["test"] if languages else []), "gate", "release", *(["deploy"] if files else [])]
    return _rendered(
        provider, name=_printable(pipeline.name), inside=pipeline.inside, branch=branch, requirement=requirement, path=path,
        fail_on=said.fail_on or "high", prefix="" if prefix == "ghcr.io" else prefix, registry=prefix.partition("/")[0],
        own_registry=not prefix or prefix.partition("/")[0] == "ghcr.io", bases=bool(jobs), languages=languages,
        needed=needed, files="".join(f" {shlex.quote(each)}" for each in files) if files else None,
        tag=re.sub(r"[^\w.-]", "-", branch), targets=list(pipeline.graph.targets), remembered=_said_line(said),
        suites=[_placed(each, pipeline.inside) for each in pipeline.suites],
    )  # fmt: skip


def _placed(suite: Suite, inside: str) -> Mapping[str, object]:
    place = posixpath.join(inside, suite.folder) or "."
    _check(place)
    return {**{each.name: getattr(suite, each.name) for each in fields(suite)}, "place": place}


def _check(value: str) -> None:
    """Names stand in texts that a shell, YAML and an expression read.

    Raises:
        UsageError: a name has a letter that one of them could take for something else.
    """
    if not _PLAIN.fullmatch(value):
        raise UsageError(f"`{value}` is a name that a pipeline of ours cannot hold. Only letters, digits and ./:@+,=~- can be.")


def _own_registry(graph: Graph) -> str | None:
    """The registry and folder that all images are named after; None where they are not all named after one."""
    paths = [read_reference(target.tags[0]).path for target in graph.targets.values() if target.tags]
    if not paths or not all(_has_host(path) for path in paths):
        return None
    shared = posixpath.commonpath(paths)
    return shared if len(paths) > 1 and shared else posixpath.dirname(paths[0]) if len(paths) == 1 else None


def _has_host(path: str) -> bool:
    first, slash, _ = path.partition("/")
    return bool(slash) and ("." in first or ":" in first) and first != "docker.io"


def _dependabot(pipeline: Pipeline) -> str:
    def folders(paths: Iterable[str]) -> list[str]:
        return sorted({f"/{posixpath.join(pipeline.inside, posixpath.dirname(path))}".rstrip("/") or "/" for path in paths})

    manifests = pipeline.fleet.manifests
    # What stands in a compose file is not looked for: Dependabot reads Dockerfiles.
    targets = [target for target in pipeline.graph.targets.values() if target.options.inline is None]
    used = [target.file.path for target in targets if target.file is not None]
    found: Sequence[tuple[str, list[str]]] = (
        ("github-actions", ["/"]),
        ("docker", folders(used)),
        ("pip", folders(each.path for each in manifests if each.ecosystem == "python" and each.packages)),
        ("npm", folders(each.path for each in manifests if each.ecosystem == "node" and each.packages)),
    )
    updates = [{"ecosystem": ecosystem, "folders": places} for ecosystem, places in found if places]
    return _rendered("dependabot", name=_printable(pipeline.name), updates=updates)


def _rendered(template: str, **values: object) -> str:
    # `{{` and `{%` stand for something in workflows and in templates of the docker client.
    environment = Environment(
        loader=PackageLoader("trimtab.pipelines"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, variable_start_string="{[", variable_end_string="]}", comment_start_string="{%#",
        comment_end_string="#%}",
        autoescape=False,  # noqa: S701  a workflow is no page; each value is checked or quoted
    )  # fmt: skip
    pins = pin_table().pins

    def pin(name: str) -> str:
        return pins[name].use

    text = environment.get_template(f"{template}.yml.jinja").render(pin=pin, quoted=_quoted, **values)
    return sealed(text.rstrip() + "\n")


def _quoted(text: str) -> str:
    """In double quotes, which YAML and a shell read alike for the letters that names may have."""
    return json.dumps(text, ensure_ascii=False)


def _printable(name: str) -> str:
    return "".join(each for each in name if each.isprintable()) or "the fleet"
