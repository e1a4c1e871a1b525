"""DF128."""

import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from trimtab.fleet import Policy
from trimtab.fleet.facts import Facts
from trimtab.fleet.requirements import PythonInstall, python_installs
from trimtab.rules.base import Applicability, Case, Category, DockerfileRule, Effects, Finding, Fix, Refusal, Severity
from trimtab.syntax.dockerfile import Dockerfile
from trimtab.text import Edit

_DIRECT = frozenset({"torch", "torchvision", "torchaudio"})
_THROUGH = frozenset(
    {"sentence-transformers", "openai-whisper", "ultralytics", "easyocr", "pytorch-lightning", "timm", "flair", "stanza"}
)
"""Projects that always bring torch along."""
_SITE = ("/**/site-packages/**", "/**/bin/**", "/root/.local/**", "/opt/venv/**")
_EFFECTS = Effects(removes=_SITE, changes=_SITE, installs=True)
_UNKNOWN = "the address of an index with CPU-only wheels is not known: set `cpu-index`, or use one in another file of the fleet"


class CudaWheelsWithoutGpu(DockerfileRule):
    """PyTorch with CUDA in a service that has no GPU.

    ## What it does
    Finds installs of torch, or of a project that always brings it, from the default index, in a service to which the
    compose files give no GPU, on a base that is not CUDA's.

    ## Why it matters
    On Linux the default index has torch with CUDA: several gigabytes of libraries that nothing can use without a GPU.

    ## Fix safety
    Only with proof: the index with CPU-only wheels is put in as an additional one, and building and running the image shows the
    rest. The address is the configuration's `cpu-index`, else the one that another file of the fleet uses; refused where
    neither says it.
    """

    code = "DF128"
    category = Category.SIZE
    severity = Severity.HIGH
    since = "0.2"
    clean = [
        "FROM python:3.13\nRUN pip install --index-url https://example.com/cpu torch\n",
        "FROM nvidia/cuda:12.4.1-base-ubuntu22.04\nRUN pip install torch\n",
        "FROM python:3.13\nRUN pip install torch==2.4.0+cpu numpy\n",
        Case(
            "FROM python:3.13\nRUN pip install torch\n",
            files={"compose.yaml": "services: {a: {build: ., gpus: all}}\n"},
        ),
    ]
    flagged = [
        Case(
            "FROM python:3.13\nRUN pip install torch\n",
            after="FROM python:3.13\nRUN pip install --extra-index-url https://example.com/cpu torch\n",
            policy=Policy(cpu_index="https://example.com/cpu"),
        ),
        Case(
            "FROM python:3.13\nCOPY r.txt .\nRUN pip install -r r.txt\n",
            refused=_UNKNOWN,
            files={"r.txt": "sentence-transformers>=3\n"},
        ),
    ]

    def check(self, file: Dockerfile, facts: Facts) -> Iterator[Finding]:
        if any(service.gpu for service in facts.file.services):
            return
        for each in python_installs(facts.file):
            base = facts.outside_base(each.stage)
            if each.context is not facts.contexts[0] or re.search(r"cuda|nvidia|pytorch|tensorrt|rocm", base):
                continue
            names = [
                r.name for r in each.requirements if canonicalize_name(r.name) in _DIRECT | _THROUGH and "+cpu" not in str(r)
            ]
            if names and not _has_index(facts, each):
                message = f"`{names[0]}` comes with CUDA from the default index, and no service of it has a GPU"
                span = each.run.source_span(each.install.command.span)
                yield self.finding(facts, span, message, _outcome(facts, each), names[0])


def _has_index(facts: Facts, each: PythonInstall) -> bool:
    """Whether another index is named: on the command line, in a variable, or in a requirements file."""
    flags = ("--index-url", "-i", "--extra-index-url", "--index", "--find-links", "-f", "--torch-backend", "--no-deps")
    words = {word.partition("=")[0] for word in each.install.arguments}
    variables = {"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_TORCH_BACKEND"} & set(
        each.run.state.env
    )
    texts = [each.context.read(path) or "" for path in each.manifests]
    named = any(re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text, re.MULTILINE) for text in texts)
    earlier = any(
        any(re.match(r"torch\b", package) for package in install.packages)
        and any("index" in word for word in install.arguments)
        for run in facts.runs_before(each.stage, each.run.index + 1)
        for install in run.installs
        if install is not each.install
    )
    return bool(words & set(flags)) or bool(variables) or named or earlier


def _outcome(facts: Facts, each: PythonInstall) -> Fix | Refusal:
    address = facts.fleet.policy.cpu_index or _used_elsewhere(facts)
    if address is None:
        return Refusal(_UNKNOWN)
    if not each.run.editable or not each.install.command.literal or each.install.manager.name != "pip":
        return Refusal("the command does not stand in a plain chain of commands")
    verb = each.install.command.words.index("install")
    edit = Edit.insert(each.run.behind(each.install.command.word_spans[verb].end), f" --extra-index-url {address}")
    return Fix("take the CPU wheels", (edit,), Applicability.PROOF, _EFFECTS)


def _used_elsewhere(facts: Facts) -> str | None:
    """The index with CPU wheels that exactly one address in the fleet's Dockerfiles names."""
    pattern = re.compile(r"(?:--(?:extra-)?index-url|-i)[= ]+(?P<address>https://[^\s\"']*/whl/cpu/?)(?=[\s\"']|$)")
    texts = (file.dockerfile.source.text for file in facts.fleet.files)
    found = {match["address"].rstrip("/") for text in texts for match in pattern.finditer(text)}
    return next(iter(found)) if len(found) == 1 else None
