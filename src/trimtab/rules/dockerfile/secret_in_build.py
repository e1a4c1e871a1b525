"""DF207."""

from collections.abc import Iterator

from trimtab.fleet.facts import Facts
from trimtab.fleet.secrets import SECRET_FILES, is_secret_name, known_format, secret_kind
from trimtab.fleet.stage import Stage
from trimtab.rules.base import Case, Category, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile, Instruction, named_values

_MOUNT = "where the build gets it from instead, `RUN --mount=type=secret`, is known to whoever runs the build"


class SecretInBuild(DockerfileRule):
    """Credential in ARG, ENV, RUN, or a copied file.

    ## What it does
    Finds ARG and ENV whose name says that they carry a credential or whose value has the format of one, RUNs with a
    credential in the command, and COPYs of files that hold credentials by convention. The value is never shown.

    ## Why it matters
    Whoever can pull the image can read it: ENV stands in the configuration, ARG and RUN in the history, files in their
    layer, even when a later instruction deletes them.

    ## Fix safety
    Not fixed: the credential has to come from somewhere else then, which the build's caller decides. One that was in an
    image that others have should be replaced.

    ## References
    https://docs.docker.com/build/building/secrets/
    """

    code = "DF207"
    category = Category.SECURITY
    severity = Severity.HIGH
    since = "0.2"
    aliases = ("SecretsUsedInArgOrEnv", "DL3064", "DS-0031")
    clean = [
        "FROM a:1\nENV PASSWORD_FILE=/run/secrets/p TOKEN=$T API_KEY= CACHE_KEY=abc PUBLIC_KEY=abc\nARG KEYBOARD=us\n",
        "FROM a:1\nRUN --mount=type=secret,id=token TOKEN=$(cat /run/secrets/token) make\nCOPY .env.example /\n",
    ]
    flagged = [
        Case("FROM a:1\nARG DB_PASSWORD\n", refused=_MOUNT),
        Case("FROM a:1\nENV A=b API_TOKEN=correct-horse\n", refused=_MOUNT),
        Case("FROM a:1\nENV DB=postgres://app:correct-horse@db/app\n", refused=_MOUNT),
        Case("FROM a:1\nENV DB_PASSWORD correct horse\n", refused=_MOUNT),
        Case("FROM a:1\nRUN git clone https://me:correct-horse@example.com/a\n", refused=_MOUNT),
        Case("FROM a:1\nCOPY id_rsa /root/.ssh/\n", refused=_MOUNT, files={"id_rsa": ""}),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for index, instruction in enumerate(stage.instructions):
                if instruction.keyword in {"ARG", "ENV"}:
                    yield from self._variables(facts, stage, instruction)
                elif instruction.keyword == "RUN":
                    yield from self._run(facts, instruction)
                elif instruction.keyword in {"COPY", "ADD"}:
                    yield from self._files(facts, stage, index)

    def _variables(self, facts: Facts, stage: Stage, instruction: Instruction) -> Iterator[Finding]:
        for name, quoted, word in named_values(instruction):
            value = quoted.strip("\"'")
            kind = secret_kind(name, value)
            if kind is None and instruction.keyword == "ARG" and not value and is_secret_name(name):
                kind = "its name says a credential"
            if kind:
                kept = "configuration" if instruction.keyword == "ENV" else "history"
                where = f"the image's {kept}" if facts.in_final_image(stage) else "the build cache and the build's record"
                message = f"`{name}` stays readable in {where}: {kind}"
                yield self.finding(facts, word.span, message, Refusal(_MOUNT), name)

    def _run(self, facts: Facts, instruction: Instruction) -> Iterator[Finding]:
        kind = known_format(instruction.logical.text)
        if kind:
            message = f"the command holds a credential ({kind}), which stays readable in the image's history"
            yield self.finding(facts, instruction.keyword_span, message, Refusal(_MOUNT))

    def _files(self, facts: Facts, stage: Stage, index: int) -> Iterator[Finding]:
        copy = stage.copy_at(index)
        for source in copy.sources if copy is not None and copy.from_ is None else ():
            if SECRET_FILES.search(source):
                span = stage.instructions[index].arguments_span
                message = f"`{source}` holds credentials by convention, and stays in its layer"
                yield self.finding(facts, span, message, Refusal(_MOUNT), source)
