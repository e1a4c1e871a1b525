"""DF201."""

import re
from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import WINDOWS, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.rules.user_installs import copied_for_all, installed_for_all, root_home_copies, user_installs
from trimtab.syntax.dockerfile import Dockerfile, Instruction
from trimtab.text import Edit

_ACCOUNTS = ("/etc/passwd", "/etc/passwd-", "/etc/group", "/etc/group-", "/etc/shadow", "/etc/shadow-", "/etc/gshadow",
             "/etc/gshadow-", "/etc/subuid", "/etc/subuid-", "/etc/subgid", "/etc/subgid-", "/etc", "/var/log/faillog",
             "/var/log/lastlog", "/var/log/**")  # fmt: skip
_NUMBER = 10001
_BELOW_ROOT = "its programs lie below `/root`, which only root may enter"


class RootUser(DockerfileRule):
    """Image that runs as root.

    ## What it does
    Finds images whose last USER is root, or that never set one on a base that is known to leave it at root.

    ## Why it matters
    Whoever breaks out of the service is root in the container, and root on the host wherever user namespaces are off,
    which is Docker's default. hadolint and BuildKit's own checks say nothing when USER is missing altogether.

    ## Fix safety
    Only with proof: an unprivileged user may not write where root could, so the fix is applied by `trimtab optimize`, which
    starts both images and compares them. Programs that `pip install --user` has put into root's home are put where every user
    finds them, as DF205 does. Refused where the service writes to a volume whose owner cannot be changed from here, listens
    on a port below 1024, drops its privileges itself, or starts from a base that is not known to start as root.

    ## References
    CIS Docker Benchmark 4.1
    """

    code = "DF201"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.1"
    clean = [
        'FROM python:3.12-slim\nRUN useradd app\nUSER app\nCMD ["python"]\n',
        "FROM scratch\nCOPY a /a\nUSER 1000\n",
        'FROM acme/base:1\nCMD ["a"]\n',
    ]
    flagged = [
        Case(
            'FROM python:3.12-slim\nCMD ["python"]\n',
            after="FROM python:3.12-slim\nRUN useradd --system --uid 10001 --no-create-home app\nUSER 10001\n"
            'CMD ["python"]\n',
        ),
        Case(
            "FROM python:3.12-slim\nRUN useradd -u 1000 web\nUSER root\nCMD [\"python\"]\n",
            after="FROM python:3.12-slim\nRUN useradd -u 1000 web\nUSER web\nCMD [\"python\"]\n",
        ),
        Case(
            "FROM python:3.12-slim\nARG USER=root\nRUN [ $USER = root ] || useradd $USER\nUSER $USER\n",
            refused="the user that it creates is named by a variable, `$USER`, which may say root",
        ),
        Case(
            "FROM python:3.12-slim\nRUN pip install --user six\nENV PATH=/root/.local/bin:$PATH\nCMD [\"python\"]\n",
            after="FROM python:3.12-slim\nRUN useradd --system --uid 10001 --no-create-home app\nRUN pip install six\n"
            "USER 10001\nCMD [\"python\"]\n",
        ),
        Case(
            "FROM python:3.12 AS b\nRUN pip install --user six\nFROM python:3.12-slim\n"
            "COPY --from=b /root/.local /root/.local\nENV PATH=/root/.local/bin:$PATH\nCMD [\"python\"]\n",
            after="FROM python:3.12 AS b\nRUN pip install --prefix=/install six\nFROM python:3.12-slim\n"
            "RUN useradd --system --uid 10001 --no-create-home app\nCOPY --from=b /install /usr/local\n"
            "USER 10001\nCMD [\"python\"]\n",
        ),
        Case(
            "FROM python:3.12-slim\nRUN pip install --user six\nRUN ls /root/.local\nCMD [\"python\"]\n",
            refused="its programs lie below `/root`, which only root may enter: line 3 uses the path as well",
        ),
        Case(
            "FROM node:20\nCOPY --from=acme/tools /a /root/a\nCMD [\"node\"]\n",
            refused="its programs lie below `/root`, which only root may enter",
        ),
        Case("FROM nginx:1.27\nEXPOSE 80\n", refused="it listens on port 80, which an unprivileged user may not open"),
        Case(
            "FROM python:3.12-slim\nVOLUME /data\nCMD [\"python\"]\n",
            refused="it writes to volume `/data`, whose owner would have to change too",
        ),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.final_stages:
            if not _runs_as_root(facts, stage):
                continue
            where = facts.last(stage, "USER") or stage.instructions[0]
            message = "the image runs as root"
            yield self.finding(facts, where.keyword_span, message, _fix(file, facts, stage))


def _runs_as_root(facts: Facts, stage: Stage) -> bool:
    if any(service.user for service in facts.file.services):
        return False
    user = facts.runs_as(stage, stage.end)
    return user is not None and user.uid == 0


def _fix(file: Dockerfile, facts: Facts, stage: Stage) -> Fix | Refusal:
    fix, moved = _as_user(file, facts, stage), _out_of_root_home(file, facts, stage)
    if isinstance(fix, Refusal) or moved is None:
        return fix
    if isinstance(moved, Refusal):
        return moved
    title = f"{moved.title}, and {fix.title}"
    return Fix(title, (*moved.edits, *fix.edits), fix.applicability, moved.effects.joined(fix.effects))


def _as_user(file: Dockerfile, facts: Facts, stage: Stage) -> Fix | Refusal:
    reason = _obstacle(facts, stage) or _cannot_make_users(facts, stage)
    if any(not file.can_be_followed(instruction) for instruction in (stage.instructions[0], stage.instructions[-1])):
        reason = "its last line ends in a continuation, which would take the next line in"
    existing = [user for user in stage.users.values() if user.created_at >= 0]
    if existing and "$" in existing[-1].name:
        reason = reason or f"the user that it creates is named by a variable, `{existing[-1].name}`, which may say root"
    if reason:
        return Refusal(reason)
    last = facts.last(stage, "USER")
    effects = Effects(changes=_ACCOUNTS, config=("User",))
    if existing and last is not None and last in stage.instructions:
        edit = Edit(last.arguments_span, existing[-1].name)
        return Fix("run as the user that the image creates", (edit,), Applicability.PROOF, effects)
    newline = file.source.newline
    name = existing[-1].name if existing else str(_NUMBER)
    anchor = _anchor(stage)
    final = stage.instructions[-1]
    at = anchor.span.start if anchor else final.span.end
    user = f"USER {name}{newline}"
    texts = {at: ("" if anchor else _leading(file, final, newline)) + user}
    if not existing:
        # Right behind FROM: further down, every source edit would run it again.
        start = stage.instructions[0]
        created = _new_user(facts, stage) + newline
        if at == start.span.end:
            texts = {at: _leading(file, start, newline) + created + user}
        else:
            texts[start.span.end] = _leading(file, start, newline) + created
    edits = tuple(Edit.insert(offset, text) for offset, text in sorted(texts.items()))
    return Fix("run as an unprivileged user", edits, Applicability.PROOF, effects)


def _out_of_root_home(file: Dockerfile, facts: Facts, stage: Stage) -> Fix | Refusal | None:
    """What takes the programs out of root's home; None where none is there."""
    copied = [copy for copy in stage.copies if copy.from_ and copy.destination.startswith("/root")]
    named = [install for run in stage.runs for install in run.installs if "--user" in install.arguments]
    if not copied and not named:
        return None
    own, copies = user_installs(facts, stage), root_home_copies(stage)
    known = [install for _, install in own]
    if copied != copies or any(install not in known for install in named) or len(copies) + bool(own) != 1:
        return Refusal(_BELOW_ROOT)
    found = copied_for_all(file, facts, stage, copies[0]) if copies else installed_for_all(file, facts, stage, own)
    return Refusal(f"{_BELOW_ROOT}: {found.reason}") if isinstance(found, Refusal) else found


def _anchor(stage: Stage) -> Instruction | None:
    """The first of the instructions that say how the image starts, with no RUN behind it."""
    for index, instruction in enumerate(stage.instructions):
        if instruction.keyword in {"CMD", "ENTRYPOINT", "HEALTHCHECK"}:
            return None if any(run.index > index for run in stage.runs) else instruction
    return None


def _leading(file: Dockerfile, instruction: Instruction, newline: str) -> str:
    """What has to stand before a line that follows an instruction: a line ending when the file lacks one there."""
    return "" if file.source.at(instruction.span).endswith("\n") else newline


def _new_user(facts: Facts, stage: Stage) -> str:
    if facts.libc(stage) == "musl":
        return f"RUN adduser -S -D -H -u {_NUMBER} app"
    return f"RUN useradd --system --uid {_NUMBER} --no-create-home app"


def _obstacle(facts: Facts, stage: Stage) -> str | None:
    low = [port for port in _ports(facts, stage) if port < 1024]
    if low:
        return f"it listens on port {low[0]}, which an unprivileged user may not open"
    volumes = [word.raw for i in _instructions(facts, stage, "VOLUME") for word in i.words]
    volumes += [path for service in facts.file.services for path in service.volumes]
    if volumes:
        path = volumes[0].strip('[]",')
        return f"it writes to volume `{path}`, whose owner would have to change too"
    starts = " ".join(i.arguments for i in _instructions(facts, stage, "ENTRYPOINT", "CMD"))
    if any(word in starts for word in ("gosu", "su-exec", "setpriv", "entrypoint.sh", "docker-entrypoint")):
        return "its entrypoint drops privileges itself, or is a script that may need root"
    if re.search(r"distroless|chiseled", facts.outside_base(stage)):
        return "its base has no shell to create a user with; such bases bring one, often `nonroot`"
    if re.search(r"[\"\s]/init\b", f" {starts}") or "home-assistant" in facts.outside_base(stage):
        return "its entrypoint is an init system that starts as root and drops privileges itself"
    if facts.outside_base(stage) == "scratch":
        return "an image from scratch has no tool to create a user with"
    return None


def _cannot_make_users(facts: Facts, stage: Stage) -> str | None:
    base = facts.outside_base(stage)
    if len(facts.descendants(stage)) > 1:
        return "another stage starts from this one, and would run as the user as well"
    if re.search(r"busybox|amazonlinux|minimal|photon|mariner|azurelinux|clearlinux", base) or WINDOWS.search(base):
        return "its base is not known to have a tool to create a user with"
    if any(i.keyword == "ONBUILD" for i in stage.instructions):
        return "its ONBUILD triggers would run as the user as well"
    groups = [command for run in stage.runs for command in run.commands("groupadd", "addgroup") if "app" in command.words]
    return "it makes a group `app` of its own" if groups else None


def _instructions(facts: Facts, stage: Stage, *keywords: str) -> list[Instruction]:
    return [i for one in facts.lineage(stage) for i in one.instructions if i.keyword in keywords]


def _ports(facts: Facts, stage: Stage) -> list[int]:
    exposed = [word.raw.partition("/")[0] for i in _instructions(facts, stage, "EXPOSE") for word in i.words]
    mapped = [port.partition("/")[0].rpartition(":")[2] for service in facts.file.services for port in service.ports]
    return [int(text) for text in (*exposed, *mapped) if text.isdigit()]
