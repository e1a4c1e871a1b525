"""What each tool takes, and the words of the command line that it becomes.

Every value is either checked against a pattern or an absolute path, and stands behind its option's `=`: none can be read as an
option of its own.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from trimtab.mcp.project import PathText, Project, Revision, RuleName, Service

Level = Literal["info", "low", "medium", "high", "critical"]
Kind = Literal["all", "vulns", "secrets", "compliance"]
Paths = Annotated[
    list[PathText],
    Field(default_factory=list, description="One folder, or files; the whole project when left out.", max_length=500),
]
ComposeFiles = Annotated[
    list[PathText],
    Field(
        default_factory=list, max_length=50,
        description="The compose files of the project that is meant, in override order; needed where there are several.",
    ),
]  # fmt: skip
Limit = Annotated[int, Field(default=40, ge=0, description="The most entries of each list; 0 means all. The rest is counted.")]
Offline = Annotated[bool, Field(default=False, description="Ask no package index and no registry.")]
Dirty = Annotated[bool, Field(default=False, description="Change files with uncommitted changes, too.")]
Services = Annotated[list[Service], Field(default_factory=list, max_length=500)]


class Arguments(BaseModel):
    """What a tool takes; anything else is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def words(self, project: Project) -> list[str]:
        """The command line without the program and `--format`.

        Raises:
            UsageError: a path is not inside the project.
        """
        raise NotImplementedError

    @property
    def most(self) -> int:
        """The most entries of a list in the result; 0 for all."""
        return 0


class _Listed(Arguments):
    limit: Limit

    @property
    def most(self) -> int:
        return self.limit


class _Rules(_Listed):
    """Which rules, and over what."""

    paths: Paths
    select: list[RuleName] = Field(default_factory=list, description="Run these rules instead of the default ones.")
    ignore: list[RuleName] = Field(default_factory=list, description="Leave these rules out.")
    offline: Offline

    def chosen(self) -> list[str]:
        return [*_values("select", self.select), *_values("ignore", self.ignore), *_flags(offline=self.offline)]


class ReviewArguments(_Rules):
    """`trimtab review`."""

    def words(self, project: Project) -> list[str]:
        return ["review", *self.chosen(), *_paths(project, self.paths)]


class PlanArguments(_Rules):
    """`trimtab plan`."""

    def words(self, project: Project) -> list[str]:
        return ["plan", *self.chosen(), *_paths(project, self.paths)]


class ExplainArguments(Arguments):
    """`trimtab rule`."""

    rule: RuleName | None = Field(default=None, description="A rule's code or name: `DF104`. All rules when left out.")

    def words(self, project: Project) -> list[str]:
        return ["rule", *([self.rule] if self.rule else [])]


class FixArguments(_Rules):
    """`trimtab fix`."""

    limit: Annotated[int, Field(default=20, ge=0, description="The most files in the result; 0 means all.")]
    unsafe: bool = Field(default=False, description="Apply fixes that are called unsafe, too. `optimize` proves them.")
    apply: bool = Field(default=False, description="Write the files. Without it the diff is shown and nothing is written.")
    allow_dirty: Dirty

    def words(self, project: Project) -> list[str]:
        flags = _flags(unsafe=self.unsafe, allow_dirty=self.allow_dirty, dry_run=not self.apply)
        return ["fix", *flags, *self.chosen(), *_paths(project, self.paths)]


class OptimizeArguments(_Rules):
    """`trimtab optimize`."""

    quick: bool = Field(default=False, description="Prove size and behaviour; measure no times.")
    repeats: int = Field(default=0, ge=0, le=50, description="Interleaved pairs to measure; 0 for what is configured.")
    budget: str = Field(
        default="", pattern=r"^(\d+(\.\d+)?[smh])?$", description="Begin no measurement after this long: `15m`."
    )
    safe_only: bool = Field(default=False, description="Leave fixes alone that are called unsafe.")
    jobs: int = Field(default=0, ge=0, le=256, description="Experiments at once; 0 means one per core.")
    apply: bool = Field(default=False, description="Write what is proven. Without it everything is proven, nothing written.")
    allow_dirty: Dirty

    def words(self, project: Project) -> list[str]:
        numbers = [f"--repeats={self.repeats}", f"--jobs={self.jobs}", *([f"--budget={self.budget}"] if self.budget else [])]
        flags = _flags(
            quick=self.quick, safe_only=self.safe_only, allow_dirty=self.allow_dirty, dry_run=not self.apply
        )  # fmt: skip
        return ["optimize", *flags, *numbers, *self.chosen(), *_paths(project, self.paths)]


class BuildArguments(_Listed):
    """`trimtab build`."""

    paths: Paths
    services: Services
    since: Revision | None = Field(default=None, description="Build only what a change since this git revision reaches.")
    changed: bool = Field(default=False, description="The same for what is not committed yet.")
    explain: bool = Field(default=False, description="Say why each target is in or out, and build nothing; needs `since`.")
    jobs: int = Field(default=0, ge=0, le=256, description="Builds at once; 0 means one per core.")
    fail_fast: bool = Field(default=False, description="End the run at the first failure.")
    no_cache: bool = Field(default=False, description="Build every step anew.")

    def words(self, project: Project) -> list[str]:
        flags = _flags(changed=self.changed, explain=self.explain, fail_fast=self.fail_fast, no_cache=self.no_cache)
        since = [f"--since={self.since}"] if self.since else []
        services = _values("service", self.services)
        return ["build", *flags, *since, f"--jobs={self.jobs}", *services, *_paths(project, self.paths)]


class ScanArguments(_Listed):
    """`trimtab scan`."""

    type: list[Kind] = Field(default_factory=list, description="What is looked for; everything when left out.")
    target: PathText | None = Field(default=None, description="Only this folder, and the services built from below it.")
    images: bool = Field(default=True, description="Look into the fleet's images, not only at its files.")
    fail_on: Level = Field(default="info", description="The least severity that counts.")
    only_fixed: bool = Field(default=False, description="Vulnerabilities without a fixed version do not count.")
    offline: Offline

    def words(self, project: Project) -> list[str]:
        target = [f"--target={project.below(self.target)}"] if self.target else []
        images = [] if self.images else ["--no-images"]
        flags = _flags(only_fixed=self.only_fixed, offline=self.offline)
        return ["scan", *_values("type", self.type), *target, *images, f"--fail-on={self.fail_on}", *flags, str(project.root)]


class GateArguments(Arguments):
    """`trimtab gate`."""

    base: Revision | None = Field(default=None, description="A revision that must not be better than this tree.")
    allow: list[RuleName] = Field(default_factory=list, description="Gates that need not have been checked: `scan`.")

    def words(self, project: Project) -> list[str]:
        base = [f"--base={self.base}"] if self.base else []
        return ["gate", *base, *_values("allow", self.allow), str(project.root)]


class StatusArguments(Arguments):
    """`trimtab status`."""

    paths: ComposeFiles
    project: Service | None = Field(default=None, description="The compose project, where its files cannot be read.")

    def words(self, project: Project) -> list[str]:
        named = [f"--project={self.project}"] if self.project else []
        return ["status", *named, *_paths(project, self.paths)]


class DeployArguments(Arguments):
    """`trimtab deploy`."""

    paths: ComposeFiles
    services: Services
    apply: bool = Field(default=False, description="Deploy. Without it the plan is shown, and nothing is changed.")
    build: bool = Field(default=False, description="Build the images first.")
    pull: bool = Field(default=False, description="Ask the registries for newer images first.")
    force_recreate: bool = Field(default=False, description="Replace what has not changed, too.")
    remove_orphans: bool = Field(default=False, description="Remove containers of services that no file names.")
    resume: bool = Field(default=False, description="Go on with a deployment that was killed.")
    allow_unset: bool = Field(default=False, description="Variables without a value are meant to be empty.")

    def words(self, project: Project) -> list[str]:
        flags = _flags(
            dry_run=not self.apply, build=self.build, pull=self.pull, force_recreate=self.force_recreate,
            remove_orphans=self.remove_orphans, resume=self.resume, allow_unset=self.allow_unset,
        )  # fmt: skip
        return ["deploy", *flags, *_values("service", self.services), *_paths(project, self.paths)]


def _flags(**chosen: bool) -> list[str]:
    return [f"--{name.replace('_', '-')}" for name, is_chosen in chosen.items() if is_chosen]


def _values(option: str, values: Iterable[str]) -> list[str]:
    return [f"--{option}={value}" for value in values]


def _paths(project: Project, paths: Iterable[str]) -> list[str]:
    return [project.path(path) for path in paths] or [str(project.root)]
