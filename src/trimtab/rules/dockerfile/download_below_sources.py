"""DF109."""

import re
from collections.abc import Iterator

from trimtab.fleet.copies import copied_files
from trimtab.fleet.facts import Facts
from trimtab.fleet.stage import Copy, Run, Stage
from trimtab.rules.base import Case, Category, Confidence, DockerfileRule, Finding, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.syntax.shell import Command

_REFUSAL = "whether the download reads any of the sources is not known from here; move it above the COPY if it does not"
_SOURCES = (".py", ".js", ".ts", ".tsx", ".jsx", ".go", ".rs", ".java", ".rb", ".php")
_LOADS = re.compile(
    r"from_pretrained|snapshot_download|hf_hub_download|nltk\.download|spacy\.cli|SentenceTransformer\(|load_model\(|torch\.hub"
)
_COMMANDS = frozenset({"curl", "wget", "huggingface-cli", "hf", "gsutil", "aws"})


class DownloadBelowSources(DockerfileRule):
    """Download that every source edit repeats.

    ## What it does
    Finds RUNs that download files or models (`curl`, `wget`, `from_pretrained`, `spacy download`, …) behind a COPY of the
    service's sources, unless they name a copied file.

    ## Why it matters
    The COPY changes with every edit, and everything behind it runs again: a model of some hundred megabytes is downloaded
    for each changed line.

    ## Fix safety
    Not fixed: a script may read the sources without naming them.
    """

    code = "DF109"
    category = Category.CACHING
    severity = Severity.MEDIUM
    confidence = Confidence.MEDIUM
    since = "0.2"
    clean = [
        Case("FROM a:1\nRUN curl -fO https://example.com/m\nCOPY src /src\n", files={"src/a.py": ""}),
        Case(
            "FROM a:1\nCOPY src /src\nRUN python /src/a.py && curl -fo /src/x https://example.com/m\n", files={"src/a.py": ""}
        ),
        Case("FROM a:1\nCOPY r.txt /\nRUN curl -fO https://example.com/m\n", files={"r.txt": ""}),
    ]
    flagged = [
        Case("FROM a:1\nCOPY src /src\nRUN curl -fO https://example.com/m\n", refused=_REFUSAL, files={"src/a.py": ""}),
        Case(
            "FROM a:1\nCOPY src /src\nRUN python -c \"from transformers import AutoModel; AutoModel.from_pretrained('m')\"\n",
            refused=_REFUSAL,
            files={"src/a.py": ""},
        ),
        Case("FROM a:1\nCOPY src /src\nRUN python -m spacy download en\n", refused=_REFUSAL, files={"src/a.py": ""}),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        for stage in facts.stages:
            for run in stage.runs:
                download = next((command for command in run.script.commands if _downloads(run, command)), None)
                copy = _source_copy(facts, stage, run) if download else None
                if download and copy and not _names_a_copy(stage, run):
                    what = " ".join(" ".join(download.words).split())[:50]
                    message = f"`{what}` runs again after every edit of what line {copy.instruction.start_line} copies"
                    yield self.finding(facts, run.source_span(download.span), message, Refusal(_REFUSAL), download.name)


def _downloads(run: Run, command: Command) -> bool:
    words = command.words
    if command.name in _COMMANDS:
        address = next((word for word in words[1:] if "://" in word), "")
        local = re.search(r"localhost|127\.0\.0\.1", address)
        return bool(address) and not local and not run.mounts("cache")
    if command.name.startswith("python"):
        return ("download" in words and {"spacy", "nltk.downloader"} & set(words) != set()) or any(
            _LOADS.search(word) for word in words
        )
    return False


def _source_copy(facts: Facts, stage: Stage, run: Run) -> Copy | None:
    """The last COPY of sources from the context before a RUN."""
    for copy in reversed(stage.copies):
        before = copy.index < run.index and copy.from_ is None and bool(facts.contexts)
        if before and any(path.endswith(_SOURCES) for path in copied_files(copy, facts.contexts[0]).values()):
            return copy
    return None


def _names_a_copy(stage: Stage, run: Run) -> bool:
    """Whether a RUN names something that a COPY brought, or runs in its folder with relative paths of its own."""
    for copy in stage.copies:
        if copy.index >= run.index or copy.from_ is not None:
            continue
        names = {copy.destination.rstrip("/"), *(source.rstrip("/").rpartition("/")[2] for source in copy.sources)} - {
            "",
            ".",
            "/",
        }
        if any(re.search(rf"(^|[\s\"'=/]){re.escape(name)}($|[\s\"'/;&])", run.instruction.arguments) for name in names):
            return True
    return any(command.name.endswith((".sh", ".py")) or command.words[:1] == ("sh",) for command in run.script.commands)
