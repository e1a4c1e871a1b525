"""DF107 and DF134: npm in images."""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import cast

from trimtab.fleet.copies import CopiedFiles
from trimtab.fleet.facts import Facts
from trimtab.fleet.installs import Install
from trimtab.fleet.plain import mapping
from trimtab.fleet.stage import Run, Stage
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit

_MODULES = Effects(removes=("/**/node_modules/**",), changes=("/**/node_modules/**", "/**/package-lock.json"), installs=True)
_LOCK = {"package.json": '{"dependencies": {"a": "^1"}}', "package-lock.json": "{}"}
_DEV = {"package.json": '{"dependencies": {"a": "^1"}, "devDependencies": {"b": "1"}}'}
_NEEDS_DEV = frozenset(
    {"npx", "tsc", "vite", "webpack", "ng", "next", "esbuild", "rollup", "jest", "vitest", "eslint", "nx", "turbo"}
)


class InstallIgnoringLock(DockerfileRule):
    """`npm install` where the lock file wants `npm ci`.

    ## What it does
    Finds `npm install` without packages in a folder to which a COPY has brought a `package-lock.json`.

    ## Why it matters
    `npm install` may rewrite the lock and install something else than was tested; `npm ci` installs what the lock says,
    or fails.

    ## Fix safety
    Unsafe: a lock that does not fit its package.json fails with `npm ci`, which only building tells. Refused where the
    command has options that `npm ci` does not know.

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
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage, run, install in _npm_installs(facts):
            verb = next((word for word in install.arguments if word in {"install", "i"}), None)
            if verb is None or install.packages or not facts.contexts:
                continue
            if all(_copied(stage, run, files, "package-lock.json") for files in _files(facts, stage, run)):
                message = "`npm install` may install something else than the lock file says"
                span = run.source_span(install.command.span)
                yield self.finding(facts, span, message, _clean_install(run, install, verb))


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


def _clean_install(run: Run, install: Install, verb: str) -> Fix | Refusal:
    unknown = [
        word
        for word in install.arguments
        if word.startswith("-") and word in {"--no-package-lock", "--no-save", "-f", "--package-lock-only"}
    ]
    if unknown:
        return Refusal(f"`npm ci` has no `{unknown[0]}`")
    if not run.editable or not install.command.literal:
        return Refusal("the command does not stand in a plain chain of commands")
    index = install.command.words.index(verb)
    edit = Edit(run.source_span(install.command.word_spans[index]), "ci")
    return Fix("install what the lock says", (edit,), Applicability.UNSAFE, _MODULES)


class NodeDevelopmentDependencies(DockerfileRule):
    """Development dependencies of a Node service in the image that runs.

    ## What it does
    Finds `npm ci` and `npm install` without `--omit=dev` in a stage whose layers end up in an image, where package.json
    has `devDependencies` and NODE_ENV is not `production`.

    ## Why it matters
    Compilers, bundlers and test runners are most of a usual `node_modules`: they are stored, pulled and scanned with
    every image and never run in it.

    ## Fix safety
    Unsafe: `--omit=dev` is put in, and running the image shows that nothing needed them. Refused where a later command
    of the stage builds or tests, which is what they are for.
    """

    code = "DF134"
    category = Category.SIZE
    severity = Severity.MEDIUM
    since = "0.2"
    clean = [
        Case("FROM node:24\nCOPY package.json ./\nRUN npm ci --omit=dev\n", files=_DEV),
        Case("FROM node:24\nENV NODE_ENV=production\nCOPY package.json ./\nRUN npm ci\n", files=_DEV),
        Case("FROM node:24 AS b\nCOPY package.json ./\nRUN npm ci\nFROM node:24\nCOPY --from=b /a /a\n", files=_DEV),
        Case("FROM node:24\nCOPY package.json ./\nRUN npm ci\n", files=_LOCK),
    ]
    flagged = [
        Case(
            "FROM node:24\nCOPY package.json ./\nRUN npm ci\nCMD [\"node\", \"a.js\"]\n",
            after="FROM node:24\nCOPY package.json ./\nRUN npm ci --omit=dev\nCMD [\"node\", \"a.js\"]\n",
            files=_DEV,
        ),
        Case(
            "FROM node:24\nCOPY package.json ./\nRUN npm ci\nRUN npm test\n",
            refused="`npm test` may need them; build in a stage of its own",
            files=_DEV,
        ),
        Case(
            "FROM node:24\nCOPY package.json ./\nRUN npm ci\nCMD [\"npm\", \"run\", \"dev\"]\n",
            refused="the image starts with `npm run dev`, which may need them",
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
            if _built_later(stage, run):
                # Then the build has no stage of its own, which another rule says.
                continue
            span = run.source_span(install.command.span)
            yield self.finding(
                facts, span, "the development dependencies go into the image", _without_dev(facts, stage, run, install)
            )


def _package(run: Run, files: CopiedFiles) -> Mapping[str, object]:
    try:
        return mapping(cast("object", json.loads(files.read(posixpath.join(run.state.workdir, "package.json")) or "{}")))
    except ValueError:
        return {}


def _built_later(stage: Stage, run: Run) -> bool:
    commands = (command for each in stage.runs if each.index >= run.index for command in each.script.commands)
    return any(re.match(r"(npm|yarn|pnpm)( run)? build", " ".join(command.words)) for command in commands)


def _without_dev(facts: Facts, stage: Stage, run: Run, install: Install) -> Fix | Refusal:
    for one in facts.descendants(stage):
        for each in one.runs:
            if one is stage and each.index < run.index:
                continue
            for command in each.script.commands:
                runs_script = command.name in {"npm", "yarn", "pnpm"} and {"run", "test", "run-script"} & set(command.words)
                if runs_script or command.name in _NEEDS_DEV:
                    return Refusal(f"`{' '.join(command.words)[:40]}` may need them; build in a stage of its own")
    starts = [start for keyword in ("ENTRYPOINT", "CMD") if (start := facts.last(stage, keyword))]
    services = [str(service.command) for service in facts.file.services if service.command]
    for text in (*(" ".join(start.json or (start.arguments,)) for start in starts), *services):
        if any(word in text for word in ("npm", "yarn", "pnpm", "npx", "nodemon", "ts-node", "tsx", "vite")):
            return Refusal(f"the image starts with `{text[:40]}`, which may need them")
    if not run.editable or not install.command.literal:
        return Refusal("the command does not stand in a plain chain of commands")
    index = next(i for i, word in enumerate(install.command.words) if word in {"ci", "install", "i"})
    edit = Edit.insert(run.behind(install.command.word_spans[index].end), " --omit=dev")
    return Fix("leave them out", (edit,), Applicability.UNSAFE, _MODULES)
