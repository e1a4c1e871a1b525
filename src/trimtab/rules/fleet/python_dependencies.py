"""DF124, DF126 and DF309: what Python services install, compared with what they import."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from trimtab.fleet import Facts, Fleet, Unreadable, facts_for
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.paths import is_within
from trimtab.fleet.pymodules import installed_modules, is_standard, module_file, modules_of, reached_files
from trimtab.fleet.requirements import parse_requirement, python_installs, requirement_lines
from trimtab.fleet.stage import Stage
from trimtab.fleet.start import start_of, target_of
from trimtab.rules.base import Case, Category, Confidence, Finding, FleetRule, Refusal, Severity

_DEVELOPMENT = re.compile(
    r"^(pytest(-.*)?|black|mypy(-extensions)?|flake8(-.*)?|ruff|isort|pylint|coverage|pre-commit|tox|nox|ipdb|ipython|jupyter(lab)?|notebook"
    r"|factory-boy|faker|hypothesis|bandit|safety|autopep8|yapf|pyright|basedpyright|pydocstyle|sphinx(-.*)?|mkdocs(-.*)?|types-.*|responses"
    r"|requests-mock|httpretty|freezegun|vcrpy|locust|twine|build|bumpversion|commitizen)$"
)
_NEVER_IMPORTED = re.compile(
    r"^(uvicorn|gunicorn|hypercorn|daphne|uvloop|httptools|watchfiles|pip|setuptools|wheel|tzdata|certifi|psycopg2?(-.*)?|asyncpg|aiosqlite"
    r"|pymysql|mysqlclient|cryptography|python-multipart|email-validator|greenlet|alembic|orjson|ujson|lxml|html5lib|openpyxl|xlrd"
    r"|pyarrow|fastparquet|jinja2|h2|brotli|cchardet|aiodns|.*-stubs|types-.*|.*instrumentation.*|opentelemetry-.*|sentencepiece|accelerate"
    r"|pydantic-core|typing-extensions|colorlog|bcrypt|argon2-cffi|itsdangerous|hiredis|nvidia-.*|tensorboard|protobuf|zipp|six)$"
)
"""Projects that others load by name: drivers, servers, codecs, plug-ins."""
_NEEDED = "which of them the service's own build needs is known to its authors: move them to a file of their own"
_UNUSED = "it may be loaded by name, or be there to hold a version of something else; removing it is for its authors"
_UNDECLARED = "which version is wanted is not ours to say"


@dataclass
class _Manifest:
    """One requirements file, and the images that install it."""

    path: str
    users: list[tuple[Facts, Stage]] = field(default_factory=list[tuple[Facts, Stage]])
    unread: bool = False

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for facts, _ in self.users for name in facts.file.service_names))


def _manifests(fleet: Fleet) -> list[_Manifest]:
    """The requirements files that end up in images, in order of path."""
    found: dict[str, _Manifest] = {}
    for file in fleet.files:
        facts = facts_for(file, fleet)
        final = facts.final_stages[-1] if facts.final_stages else None
        for each in python_installs(file):
            if final is None or not _reaches(facts, each.stage, final):
                continue
            for path in each.manifests:
                whole = each.context.tree_path(path)
                found.setdefault(whole, _Manifest(whole)).users.append((facts, final))
    return [found[path] for path in sorted(found)]


def _reaches(facts: Facts, stage: Stage, final: Stage) -> bool:
    """Whether what a stage installs is part of the final image: by descent, or copied from it."""
    if stage in facts.lineage(final):
        return True
    for copy in (copy for one in facts.lineage(final) for copy in one.copies if copy.from_):
        origin = facts.stage_named(copy.from_ or "")
        packages = any(
            re.search(r"site-packages|\.local|venv|/usr/local|/install|/opt|^/$|/deps|/packages", s) for s in copy.sources
        )
        if origin is not None and stage in facts.lineage(origin) and packages:
            return True
    return False


def _requirements(fleet: Fleet, path: str) -> Iterator[tuple[int, Requirement]]:
    """The requirements of a file with their lines."""
    source = fleet.tree.read(path)
    text = "" if isinstance(source, Unreadable) else source.text
    for number, line in enumerate(text.splitlines(), start=1):
        found = (parse_requirement(each) for each in requirement_lines(line))
        yield from ((number, requirement) for requirement in found if requirement is not None)


class DevelopmentDependencies(FleetRule):
    """Test and development tools in an image that runs.

    ## What it does
    Finds test frameworks, linters, type checkers and documentation tools in the requirements files that end up in an
    image.

    ## Why it matters
    They are downloaded, stored and scanned with every image, and so are the dependencies that they bring. In the fleet this
    project began with, 14 requirements files put them into images.

    ## Fix safety
    Not fixed: one file serves development and production, and only its owners can split it.
    """

    code = "DF124"
    category = Category.SIZE
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        Case("FROM python:3.13\nCOPY r.txt .\nRUN pip install -r r.txt\n", files={"r.txt": "flask\n", "dev.txt": "pytest\n"}),
        Case(
            "FROM python:3.13 AS test\nCOPY r.txt .\nRUN pip install -r r.txt\nFROM python:3.13\n",
            files={"r.txt": "pytest\n"},
        ),
    ]
    flagged = [
        Case(
            "FROM python:3.13\nCOPY r.txt .\nRUN pip install -r r.txt\n",
            refused=_NEEDED,
            files={"r.txt": "flask\n\npytest>=8\nblack\n"},
        )
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        for manifest in _manifests(fleet):
            started = {word.lower() for facts, final in manifest.users for word in _start_words(facts, final)}
            tools = [
                (line, each.name)
                for line, each in _requirements(fleet, manifest.path)
                if _DEVELOPMENT.match(canonicalize_name(each.name)) and canonicalize_name(each.name) not in started
            ]
            if tools and all(_is_production(facts) for facts, _ in manifest.users):
                listed = ", ".join(f"`{name}`" for _, name in tools)
                message = f"development tools go into the image: {listed}"
                yield self.finding_at(manifest.path, tools[0][0], message, manifest.services, Refusal(_NEEDED))


def _start_words(facts: Facts, final: Stage) -> list[str]:
    start = start_of(facts, final)
    services = [word for service in facts.file.services for word in service.command or ()]
    return [*(start.words if start else ()), *services]


def _is_production(facts: Facts) -> bool:
    """Not a file that is for tests or development by its own name."""
    return not re.search(r"test|dev|ci\b|lint|docs", posixpath.basename(facts.file.path), re.IGNORECASE)


class UnusedDependency(FleetRule):
    """Requirement that no code of the service names.

    ## What it does
    Looks for each requirement's module, and for its name, in everything that the images which install it copy, and in
    their Dockerfiles and services. Servers, drivers and plug-ins, which are loaded by name, are passed over.

    ## Why it matters
    It is downloaded, stored and scanned with every image, and its flaws are the service's flaws.

    ## Fix safety
    Not fixed: a name can be put together at run time, and a requirement may only hold a version of something else.
    """

    code = "DF126"
    category = Category.SIZE
    severity = Severity.LOW
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        Case(
            "FROM python:3.13\nCOPY r.txt .\nRUN pip install -r r.txt\nCOPY src /src\n",
            files={"r.txt": "flask\nPyYAML\nuvicorn\nrich\n", "src/a.py": "import flask, yaml\nbackend = 'rich'\n"},
        ),
        Case("FROM python:3.13\nCOPY r.txt .\nRUN pip install -r r.txt\n", files={"r.txt": "flask\n"}),
    ]
    flagged = [
        Case(
            "FROM python:3.13\nCOPY r.txt .\nRUN pip install -r r.txt\nCOPY src /src\n",
            refused=_UNUSED,
            files={"r.txt": "flask\nboto3>=1\n", "src/a.py": "import flask\n"},
        )
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        known: dict[str, frozenset[str]] = {}
        for manifest in _manifests(fleet):
            words = _words(manifest, known)
            if words is None or _is_compiled(fleet, manifest.path):
                continue
            for line, requirement in _requirements(fleet, manifest.path):
                name = canonicalize_name(requirement.name)
                names = {*modules_of(name), name, name.replace("-", "_"), requirement.name}
                if _NEVER_IMPORTED.match(name) or _DEVELOPMENT.match(name) or {each.lower() for each in names} & words:
                    continue
                message = f"nothing that the image copies names `{requirement.name}`"
                yield self.finding_at(manifest.path, line, message, manifest.services, Refusal(_UNUSED), name)


def _is_compiled(fleet: Fleet, path: str) -> bool:
    """Whether a tool has written the file, with everything that the requirements bring along."""
    source = fleet.tree.read(path)
    return not isinstance(source, Unreadable) and bool(re.search(r"#\s*via\b|autogenerated|--hash=", source.text))


def _words(manifest: _Manifest, known: dict[str, frozenset[str]]) -> frozenset[str] | None:
    """Every word, in lower case, of what the manifest's images copy; None where an image copies no Python at all."""
    found: set[str] = set()
    for facts, _ in manifest.users:
        if any(mount.kind == "bind" for service in facts.file.services for mount in service.mounts):
            # Code may come from the host at run time.
            return None
        texts = [facts.dockerfile.source.text, *(str(service) for service in facts.file.services)]
        found.update(word.lower() for text in texts for word in re.findall(r"[\w-]+", text))
        for context in facts.contexts:
            paths = {path for stage in facts.stages for path in CopiedFiles.of([stage], context).paths.values()}
            manifest_path = manifest.path.removeprefix(f"{context.root}/" if context.root else "")
            if not any(path.endswith(".py") for path in paths):
                return None
            for path in paths - {manifest_path}:
                whole = context.tree_path(path)
                if whole not in known:
                    known[whole] = frozenset(re.findall(r"[\w-]+", (context.read(path) or "").lower()))
                found |= known[whole] if not _names_packages(path) else frozenset()
    return frozenset(found)


def _names_packages(path: str) -> bool:
    """Files that list requirements themselves, and say nothing of their use."""
    name = posixpath.basename(path)
    return bool(re.match(r"(requirements|constraints)[\w.-]*\.(txt|in)$", name)) or name in {
        "uv.lock",
        "poetry.lock",
        "Pipfile.lock",
    }


class UndeclaredImport(FleetRule):
    """Import that no requirement provides.

    ## What it does
    Follows the imports of a Python service from the file it starts with, as far as they stand at the top of their files,
    and looks each of them up in the standard library, the copied files, and what the requirements bring. It speaks only
    where everything that is installed could be read.

    ## Why it matters
    The service ends at its first import. With a package that another one happens to bring along, it works until that one
    no longer does.

    ## Fix safety
    Not fixed: somebody has to choose the version.
    """

    code = "DF309"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        Case(
            'FROM python:3.13\nWORKDIR /app\nRUN pip install fastapi\nCOPY src src\nCMD ["python", "-m", "src.main"]\n',
            files={
                "src/main.py": "import os, fastapi, starlette\nfrom . import b\ntry:\n    import c\nfinally:\n    c = 1\n",
                "src/b.py": "",
            },
        ),
    ]  # fmt: skip
    flagged = [
        Case(
            'FROM python:3.13\nWORKDIR /app\nRUN pip install flask\nCOPY src src\nCMD ["python", "-m", "src.main"]\n',
            refused=_UNDECLARED,
            files={"src/main.py": "from . import b\n", "src/b.py": "import flask\nimport redis\n"},
        )
    ]

    def check(self, fleet: Fleet) -> Iterator[Finding]:
        seen: set[tuple[str, str]] = set()
        for file in fleet.files:
            facts = facts_for(file, fleet)
            for stage in facts.final_stages:
                for path, line, name in _undeclared(facts, stage):
                    if (path, name) not in seen:
                        seen.add((path, name))
                        message = f"`{name}` is imported, and nothing in `{file.path}` installs it"
                        yield self.finding_at(path, line, message, file.service_names, Refusal(_UNDECLARED), name)


def _undeclared(facts: Facts, stage: Stage) -> Iterator[tuple[str, int, str]]:
    start = start_of(facts, stage)
    target = target_of(start, stage.end.workdir) if start else None
    have = installed_modules(facts, stage) if target else None
    mounted = any(is_within(stage.end.workdir, path) or is_within(path, stage.end.workdir) for path in _mounted(facts))
    if target is None or have is None or not facts.contexts or mounted:
        return
    context = facts.contexts[0]
    files = CopiedFiles.of(facts.lineage(stage), context)
    roots = (stage.end.workdir, *stage.end.env.get("PYTHONPATH", "").split(":"))
    first = target.name if target.kind == "file" else module_file(files, target.name, roots)
    if first is None or not first.endswith(".py"):
        return
    for reached in reached_files(files, first, roots):
        for each in reached.imports:
            if each.certain and each.name and not is_standard(each.name) and not have.may_provide(each.name):
                yield context.tree_path(reached.path), each.line, each.name


def _mounted(facts: Facts) -> list[str]:
    return [path for service in facts.file.services for path in service.volumes]
