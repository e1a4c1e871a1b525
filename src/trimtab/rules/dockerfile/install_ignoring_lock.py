"""DF107 and DF134: npm in images."""

import posixpath
import re
from collections.abc import Iterator, Mapping

from trimtab.fleet.bases import read_reference
from trimtab.fleet.chain import chain
from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install
from trimtab.fleet.npm_lock import lock_obstacle
from trimtab.fleet.plain import mapping
from trimtab.fleet.stage import Run, Stage, mount_target
from trimtab.fleet.start import start_of, target_of
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.data import read_json
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit

_MODULES = Effects(removes=("/**/node_modules/**",), changes=("/**/node_modules/**", "/**/package-lock.json"), installs=True)
_ROOT = '{"dependencies": {"a": "^1"}}'
_LOCKED = f'{{"lockfileVersion": 3, "packages": {{"": {_ROOT}, "node_modules/a": {{"version": "1.0.0"}}}}}}'
_LOCK = {"package.json": _ROOT, "package-lock.json": _LOCKED}
_DEV = {"package.json": '{"dependencies": {"a": "^1"}, "devDependencies": {"b": "1"}}'}
_IDLE = frozenset(
    [
        "npm",
        "chown",
        "chmod",
        "mkdir",
        "rm",
        "useradd",
        "groupadd",
        "adduser",
        "addgroup",
        "set",
        "true",
        "echo",
        "apt-get",
        "apk",
    ]
)
"""Commands behind an install that use none of it; `npm` for `npm cache`, whose scripts are looked for apart."""
_NODE_SETUP = re.compile(
    r"(?:setup_|node_)(?:[89]|\d\d|lts|current)|nvm install|\bfnm\b|\bvolta\b|\bn (?:lts|latest|stable|\d\d)\b"
)
"""What brings a node of its own that has `npm ci`."""
_WITH_NPM_3 = re.compile(
    r"wheezy|jessie|stretch|trusty|xenial|bionic|debian:[789]\b|ubuntu:1[0-8]\b|alpine:?3\.[0-7]\b|alpine:2"
)


class InstallIgnoringLock(DockerfileRule):
    """`npm install` where the lock file wants `npm ci`.

    ## What it does
    Finds `npm install` without packages in a folder to which a COPY has brought a `package-lock.json`.

    ## Why it matters
    `npm install` may rewrite the lock and install something else than was tested; `npm ci` installs what the lock says,
    or fails.

    ## Fix safety
    Unsafe: a lock that npm wrote under other settings may fail with `npm ci`, which only building tells. Refused where
    the command has options that `npm ci` does not know, where the lock is out of step with package.json, where the base
    carries an npm that is too old for it, or one of which nothing is known, where workspaces that it names are not copied
    yet, and where `npm ci` would take away modules that came from elsewhere.

    ## References
    https://docs.npmjs.com/cli/commands/npm-ci
    """

    code = "DF107"
    category = Category.RELIABILITY
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        Case("FROM node:24\nWORKDIR /a\nCOPY package*.json ./\nRUN npm ci\nRUN npm install -g b\n", files=_LOCK),
        Case("FROM node:24\nWORKDIR /a\nCOPY package.json ./\nRUN npm install\n", files=_LOCK),
    ]
    flagged = [
        Case(
            "FROM node:24\nWORKDIR /a\nCOPY package*.json ./\nRUN npm install --omit=dev && npm cache clean --force\n",
            after="FROM node:24\nWORKDIR /a\nCOPY package*.json ./\nRUN npm ci --omit=dev && npm cache clean --force\n",
            files=_LOCK,
        ),
        Case(
            "FROM node:24\nWORKDIR /a\nCOPY package*.json ./\nRUN npm i --no-package-lock\n",
            refused="`npm ci` has no `--no-package-lock`",
            files=_LOCK,
        ),
        Case(
            "FROM node:14\nWORKDIR /a\nCOPY package*.json ./\nRUN npm i\n",
            refused="`node:14` carries npm 6, which cannot read a lock of version 3",
            files=_LOCK,
        ),
        Case(
            "FROM node:10\nWORKDIR /a\nCOPY package*.json ./\nRUN npm i\n",
            refused="the lock is out of step with `package.json`, which names `a` otherwise, and `npm ci` may fail",
            files={
                "package.json": '{"dependencies": {"a": "^0.26.1"}}',
                "package-lock.json": '{"lockfileVersion": 1, "dependencies": {"a": {"version": "0.19.0"}}}',
            },
        ),
        Case(
            "FROM acme/base:alp-3.2\nRUN apk-install nodejs\nWORKDIR /a\nCOPY package*.json ./\nRUN npm i\n",
            refused="what npm the base brings is not known, and npm before version 5.7 has no `npm ci`",
            files=_LOCK,
        ),
        Case(
            "FROM node:10\nWORKDIR /a\nCOPY package*.json ./\nRUN npm i -g npm@latest && npm i\n",
            refused="a lock of version 1 does not name the peers that the npm of `npm@latest` may want",
            files={"package.json": "{}", "package-lock.json": '{"lockfileVersion": 1, "dependencies": {}}'},
        ),
        Case(
            "FROM node:10\nWORKDIR /a\nCOPY package*.json ./\nRUN npm i\n",
            after="FROM node:10\nWORKDIR /a\nCOPY package*.json ./\nRUN npm ci\n",
            files={
                "package.json": '{"dependencies": {"a": "^0.26.1", "b": "~1.2.3"}}',
                "package-lock.json": '{"lockfileVersion": 1, "dependencies": {"a": {"version": "0.26.4"},'
                ' "b": {"version": "1.2.9"}}}',
            },
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage, run, install in _npm_installs(facts):
            verb = next((word for word in install.arguments if word in {"install", "i"}), None)
            if verb is None or install.packages or not facts.contexts:
                continue
            if all(_copied(stage, run, files, "package-lock.json") for files in _files(facts, stage, run)):
                message = "`npm install` may install something else than the lock file says"
                span = run.source_span(install.command.span)
                yield self.finding(facts, span, message, _clean_install(facts, stage, run, install))


def _npm_installs(facts: Facts) -> Iterator[tuple[Stage, Run, Install]]:
    for stage in facts.stages:
        for run in stage.runs:
            for install in run.installs:
                if install.manager.name == "npm" and not install.has_flag("-g", "--global", "--prefix", "-C"):
                    yield stage, run, install


def _files(facts: Facts, stage: Stage, run: Run) -> list[CopiedFiles]:
    return [CopiedFiles.before(stage, run.index, context) for context in facts.contexts]


def _copied(stage: Stage, run: Run, files: CopiedFiles, name: str) -> bool:
    return posixpath.join(run.state.workdir, name) in files.paths


def _clean_install(facts: Facts, stage: Stage, run: Run, install: Install) -> Fix | Refusal:
    reason = _other_modules(facts, stage, run) or _unusual(run, install) or _lock_obstacle(facts, stage, run, install)
    if reason:
        return Refusal(reason)
    index = next(i for i, word in enumerate(install.command.words) if word in {"install", "i"})
    edit = Edit(run.source_span(install.command.word_spans[index]), "ci")
    return Fix("install what the lock says", (edit,), Applicability.UNSAFE, _MODULES)


def _other_modules(facts: Facts, stage: Stage, run: Run) -> str | None:
    """What the image has from elsewhere than the lock, which `npm ci` would take away or fail on."""
    lineage = facts.lineage(stage)
    runs = [each for one in lineage for each in one.runs]
    installs = [i for each in runs for i in each.installs if i.manager.name == "npm"]
    if any(each.packages and not each.has_flag("-g", "--global") for each in installs):
        return "`npm ci` takes away what another command installed"
    if any("package-lock.json" in each.instruction.arguments for each in runs):
        return "a command of the stage deals with the lock file itself"
    if any(_writes_manifest(each) for each in facts.runs_before(stage, run.index + 1)):
        return "a command before it changes `package.json`, which the lock would not fit"
    paths = [path for one in lineage for copy in one.copies for path in (*copy.sources, copy.destination)]
    if any("node_modules" in path.split("/") for path in paths):
        return "`npm ci` takes away the `node_modules` that a COPY brings"
    mounted = any("node_modules" in mount_target(mount).split("/") for mount in run.instruction.mounts())
    return "`npm ci` takes away what a mount keeps in `node_modules`" if mounted else None


def _writes_manifest(run: Run) -> bool:
    named = any(
        command.name == "npm" and {"pkg", "version", "init", "set-script"} & {*command.words} for command in run.script.commands
    )
    return named or "package.json" in run.instruction.arguments


def _unusual(run: Run, install: Install) -> str | None:
    """What keeps the command from being rewritten where it stands."""
    names = {"--no-package-lock", "--package-lock", "--no-save", "-f", "--package-lock-only"}
    unknown = [word for word in install.arguments if word.partition("=")[0] in names]
    if unknown:
        return f"`npm ci` has no `{unknown[0]}`"
    moved = any(command.name in {"cd", "pushd"} for command in run.script.commands)
    links = chain(run)
    following = links[links.index(install.command) + 1 :] if install.command in links else []
    joined = install.command in links and install.command.operator in {"", "&&", ";"}
    written = run.editable and install.command.literal
    if moved or not joined or not written or any(each.operator == "||" for each in following[:1]):
        return "the command does not stand in a plain chain of commands"
    return None


def _name(package: str) -> str:
    return package.partition("@")[0]


def _replaces_npm(install: Install) -> bool:
    """Whether an npm before version 7 is installed, or one of a version that is not known."""
    wanted = [package for package in install.packages if re.match(r"npm(@|$)", package)]
    return install.manager.name == "npm" and any(
        not re.search(r"^npm(@latest|@[^\d]?([7-9]|\d\d)\b|$)", each) for each in wanted
    )


def _lock_obstacle(facts: Facts, stage: Stage, run: Run, install: Install) -> str | None:
    base = facts.outside_base(stage)
    before = list(facts.runs_before(stage, run.index + 1))
    if any(_replaces_npm(install) for each in before for install in each.installs):
        return "another npm than the base's is installed before it, which may not read the lock"
    if re.search(r"(^|/)node:([0-9])([.-]|$)", base):
        return f"`{base}` has no `npm ci`"
    if not _known_npm(base) and not any(_NODE_SETUP.search(each.instruction.logical.text) for each in before):
        return "what npm the base brings is not known, and npm before version 5.7 has no `npm ci`"
    newer = any(
        install.manager.name == "npm" and "npm" in map(_name, install.packages) for each in before for install in each.installs
    )
    folder, peers = run.state.workdir, not install.has_flag("--legacy-peer-deps", "--force")
    npm = "npm@latest" if newer else base
    reasons = (lock_obstacle(folder, files, npm, peers=peers) for files in _files(facts, stage, run))
    return next((reason for reason in reasons if reason), None)


def _known_npm(base: str) -> bool:
    """Whether a base has node, or packages of it that are recent enough: those of Ubuntu 18.04 bring npm 3.5."""
    reference = read_reference(base)
    return "node" in reference.name or (reference.official and not _WITH_NPM_3.search(base))


class NodeDevelopmentDependencies(DockerfileRule):
    """Development dependencies of a Node service in the image that runs.

    ## What it does
    Finds `npm ci` and `npm install` without `--omit=dev` in a stage whose layers end up in an image, where package.json
    has `devDependencies` and NODE_ENV is not `production`.

    ## Why it matters
    Compilers, bundlers and test runners are most of a usual `node_modules`: they are stored, pulled and scanned with
    every image and never run in it.

    ## Fix safety
    Unsafe: `--omit=dev` is put in, and running the image shows that nothing needed them. Nothing is said where a later
    command builds or tests, which is what they are for, or where the image starts with anything but `node FILE`.
    """

    code = "DF134"
    category = Category.SIZE
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        Case("FROM node:24\nCOPY package.json ./\nRUN npm ci --omit=dev\n", files=_DEV),
        Case("FROM node:24\nENV NODE_ENV=production\nCOPY package.json ./\nRUN npm ci\n", files=_DEV),
        Case("FROM node:24 AS b\nCOPY package.json ./\nRUN npm ci\nFROM node:24\nCOPY --from=b /a /a\n", files=_DEV),
        Case('FROM node:24\nCOPY package.json ./\nRUN npm ci\nCMD ["node", "a.js"]\n', files=_LOCK),
        Case('FROM node:24\nCOPY package.json ./\nRUN npm ci\nCMD ["npm", "run", "dev"]\n', files=_DEV),
        Case('FROM node:24\nCOPY package.json ./\nRUN npm ci\nRUN npm test\nCMD ["node", "a.js"]\n', files=_DEV),
    ]
    flagged = [
        Case(
            "FROM node:24\nCOPY package.json ./\nRUN npm ci\nCMD [\"node\", \"a.js\"]\n",
            after="FROM node:24\nCOPY package.json ./\nRUN npm ci --omit=dev\nCMD [\"node\", \"a.js\"]\n",
            files=_DEV,
        ),
        Case(
            'FROM node:24\nCOPY package.json ./\nRUN <<EOF\nnpm ci\nEOF\nCMD ["node", "a.js"]\n',
            refused="the command does not stand in a plain chain of commands",
            files=_DEV,
        ),
    ]  # fmt: skip

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage, run, install in _npm_installs(facts):
            if not facts.in_final_image(stage) or install.packages or run.state.env.get("NODE_ENV") == "production":
                continue
            omits = any(
                word in {"--omit=dev", "--production", "--only=production", "--only=prod", "--omit"}
                for word in install.arguments
            )
            packages = [_package(run, files) for files in _files(facts, stage, run)]
            if omits or not packages or not all(mapping(package.get("devDependencies")) for package in packages):
                continue
            if _may_need_dev(facts, stage, run):
                continue
            span = run.source_span(install.command.span)
            yield self.finding(facts, span, "the development dependencies go into the image", _without_dev(run, install))


def _package(run: Run, files: CopiedFiles) -> Mapping[str, object]:
    try:
        return mapping(read_json(files.read(posixpath.join(run.state.workdir, "package.json")) or "{}"))
    except ValueError:
        return {}


def _may_need_dev(facts: Facts, stage: Stage, run: Run) -> bool:
    """Whether anything behind the install may use what is only for development.

    Known not to: system and Python installs, accounts and permissions; and a service that is started as `node FILE`.
    """
    for one in facts.descendants(stage):
        for each in one.runs:
            if one is stage and each.index < run.index:
                continue
            installs = [install.command for install in each.installs]
            others = [command for command in each.script.commands if command not in installs]
            if not each.script.commands or any(command.name not in _IDLE for command in others):
                return True
            if any(command.name == "npm" and "cache" not in command.words for command in others):
                return True
    start = start_of(facts, stage)
    named = any(service.command or service.entrypoint for service in facts.file.services)
    environments = [service.environment.get("NODE_ENV") for service in facts.file.services]
    if start is None or named or any(value not in {None, "production"} for value in environments):
        return True
    target = target_of(start, stage.end.workdir)
    return start.program not in {"node", "nodejs"} or target is None or "node_modules" in target.name


def _without_dev(run: Run, install: Install) -> Fix | Refusal:
    if not run.editable or not install.command.literal:
        return Refusal("the command does not stand in a plain chain of commands")
    index = next(i for i, word in enumerate(install.command.words) if word in {"ci", "install", "i"})
    edit = Edit.insert(run.behind(install.command.word_spans[index].end), " --omit=dev")
    return Fix("leave development dependencies out", (edit,), Applicability.UNSAFE, _MODULES)
