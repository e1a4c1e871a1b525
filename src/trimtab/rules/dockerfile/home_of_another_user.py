"""DF205 and DF206: what an unprivileged user cannot reach."""

from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.paths import is_within
from trimtab.fleet.stage import Stage
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.rules.user_installs import copied_for_all, installed_for_all, root_home_copies, user_installs
from trimtab.syntax.dockerfile import Dockerfile

_OWNER = "which of its folders the service writes to, and who owns what a volume holds already, is not known from here"


class UserInstallInRootHome(DockerfileRule):
    """Packages in root's home for a service that is not root.

    ## What it does
    Finds `pip install --user` run as root, directly or in a stage whose `/root/.local` is copied, in images whose USER is
    another one.

    ## Why it matters
    `/root` has mode 0700: the user may not look into it. Python does not find the packages, and the container ends with
    `ModuleNotFoundError` or `Permission denied`.

    ## Fix safety
    Unsafe: the packages go to `/usr/local`, where the image's Python looks anyway, by `--prefix` in the building stage or
    without `--user` in the image itself; running it shows that they are found. Refused where the path is used otherwise.
    """

    code = "DF205"
    category = Category.RELIABILITY
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        "FROM python:3.13\nRUN pip install --user six\n",
        "FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13\nRUN useradd a\n"
        "COPY --from=b --chown=a /root/.local /home/a/.local\nUSER a\n",
    ]
    flagged = [
        Case(
            "FROM python:3.13\nRUN pip install --user six\nENV PATH=/root/.local/bin:$PATH\nUSER 1000\n",
            after="FROM python:3.13\nRUN pip install six\nUSER 1000\n",
        ),
        Case(
            "FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13\n"
            "COPY --from=b /root/.local /root/.local\nENV PATH=/root/.local/bin:$PATH A=b\nUSER 1000\n",
            after="FROM python:3.13 AS b\nRUN pip install --prefix=/install six\nFROM python:3.13\n"
            "COPY --from=b /install /usr/local\nENV PATH=$PATH A=b\nUSER 1000\n",
        ),
        Case(
            "FROM python:3.13\nRUN pip install --user six\nRUN ls /root/.local\nUSER 1000\n",
            refused="line 3 uses the path as well",
        ),
        Case(
            "FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13 AS test\nCOPY --from=b /root/.local /x\n"
            "FROM python:3.13\nCOPY --from=b /root/.local /root/.local\nUSER 1000\n",
            refused="what is installed there is used elsewhere as well",
        ),
        Case(
            "FROM python:3.13 AS b\nRUN pip install --user six\nFROM b AS test\nRUN python -m six\n"
            "FROM python:3.13\nCOPY --from=b /root/.local /root/.local\nUSER 1000\n",
            refused="what is installed there is used elsewhere as well",
        ),
        Case(
            "FROM python:3.13 AS b\nRUN pip install --user six\nFROM python:3.13\n"
            "COPY --from=b /root/.local /root/.local\nCOPY --from=b /root /home/a\nUSER 1000\n",
            refused="what is installed there is used elsewhere as well",
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.final_stages:
            user = facts.runs_as(stage, stage.end)
            unprivileged = user.uid != 0 if user else bool(stage.end.user) and "$" not in stage.end.user
            if not unprivileged:
                continue
            own = user_installs(facts, stage)
            message = f"user `{stage.end.user}` may not enter `/root`, where this puts the packages"
            for run, install in own:
                fix = installed_for_all(file, facts, stage, own)
                yield self.finding(facts, run.source_span(install.command.span), message, fix)
            for copy in root_home_copies(stage):
                yield self.finding(facts, copy.instruction.arguments_span, message, copied_for_all(file, facts, stage, copy))


class UnwritablePath(DockerfileRule):
    """Volume that the image's user may not write to.

    ## What it does
    Finds named volumes and tmpfs mounts of compose services, and VOLUMEs, at paths that the image neither makes nor gives
    to its unprivileged USER.

    ## Why it matters
    An empty volume takes the owner of the folder it is mounted on. Where the image has none, docker makes one of root's:
    the service starts, and its first write fails with `Permission denied`.

    ## Fix safety
    Not fixed: a volume that exists already keeps the owner it has, so whoever runs it has to change that one as well.

    ## References
    https://docs.docker.com/engine/storage/volumes/#populate-a-volume-using-a-container
    """

    code = "DF206"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        Case(
            "FROM python:3.13\nRUN useradd a && mkdir /data && chown a /data\nUSER a\n",
            files={"compose.yaml": "services: {a: {build: ., volumes: ['d:/data', './x:/y', 'e:/e:ro']}}\n"},
        ),
        Case(
            "FROM python:3.13\n", files={"compose.yaml": "services: {a: {build: ., volumes: ['d:/data']}}\nvolumes: {d: {}}\n"}
        ),
    ]
    flagged = [
        Case(
            "FROM python:3.13\nRUN useradd a\nUSER a\n",
            refused=_OWNER,
            files={"compose.yaml": "services: {a: {build: ., volumes: ['d:/data']}}\nvolumes: {d: {}}\n"},
        )
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.final_stages:
            user = stage.end.user
            known = facts.runs_as(stage, stage.end)
            if not user or "$" in user or (known is not None and known.uid == 0) or not facts.starts_as_root(stage):
                continue
            instruction = facts.last(stage, "USER")
            for path, names in _volumes(facts).items():
                if instruction is not None and not _given(facts, stage, path):
                    message = f"volume `{path}` will be root's, and the service runs as `{user}`"
                    span = (
                        instruction.arguments_span if instruction in stage.instructions else stage.instructions[0].keyword_span
                    )
                    yield self.finding(facts, span, f"{message} ({', '.join(names)})", Refusal(_OWNER), path)


def _volumes(facts: Facts) -> dict[str, list[str]]:
    """Paths of writable named volumes, and the services that mount them; a service's own `user` decides for itself."""
    found: dict[str, list[str]] = {}
    for service in facts.file.services:
        for mount in service.mounts if service.user is None else ():
            if mount.kind == "volume" and not mount.read_only and mount.target.startswith("/"):
                names = found.setdefault(mount.target.rstrip("/") or "/", [])
                names += [] if service.name in names else [service.name]
    return found


def _given(facts: Facts, stage: Stage, path: str) -> bool:
    """Whether anything in the file may give the path, or a folder above it, to the user."""
    for one in facts.lineage(stage):
        for copy in one.copies:
            if copy.instruction.flag("chown") and is_within(path, copy.destination):
                return True
        for run in one.runs:
            if run.script.broken or not run.script.commands:
                return True
            if any(command.name.endswith(".sh") for command in run.script.commands):
                return True
            names_it = path in run.instruction.logical.text
            gives = any(command.name in {"chown", "chmod", "install"} for command in run.script.commands)
            above = any(
                is_within(path, word.rstrip("/") or "/")
                for command in run.commands("chown", "chmod")
                for word in command.words[1:]
            )
            made_by_user = bool(run.state.user) and run.state.user not in {"root", "0"}
            if (names_it and (gives or made_by_user)) or above:
                return True
        user = facts.user(stage, stage.end.user)
        if user is not None and user.home and is_within(path, user.home) and path != user.home:
            return True
    return False
