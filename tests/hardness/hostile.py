"""A repository that is made to do harm, and what must not be found in anything that is shown of it."""

import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path

ESCAPES = "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e"
"""A new title for the terminal, a colour, a cleared screen by C1, and letters from right to left."""
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
SCRIPT = "<script>alert(1)</script>"
DOCKERFILE = 'FROM python:3.12\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\nENV PASSWORD=hunter2\nCMD ["x"]\n'
NAMES = (
    f"a{ESCAPES}b", "new\nline\n::error::x", "-rf", "--output=owned", "sp ace", SCRIPT.replace("/", ""), "[click](x)|`b`",
    "[/x]", "[bold]x[", "q\"'&", "$(touch owned)", ";touch owned;", "`touch owned`",
)  # fmt: skip
SERVICES: Mapping[str, object] = {
    f"evil{ESCAPES}": {"image": f"img{ESCAPES}:latest", "build": {"context": "../../../../etc", "dockerfile": "/etc/passwd"}},
    "-rf": {"image": "-rf"},
    "a b\n::error::x": {"build": {"context": "..", "dockerfile": "../../x"}, "env_file": "../../../etc/shadow"},
    SCRIPT: {"image": "<img src=x onerror=alert(1)>:latest", "privileged": True, "environment": {f"P{ESCAPES}": ESCAPES}},
    "[b](javascript:x)|": {"image": "x|y`z:latest", "container_name": "[red]x[/red]"},
    "[/x]": {"image": "[/y]:latest", "build": {"context": "[/z]"}, "command": "[/c]", "depends_on": ["-rf"]},
    "ext": {"extends": {"file": "/etc/passwd", "service": "x"}},
    "ext2": {"extends": {"file": "../../../../etc/passwd", "service": "x"}},
    "$(touch owned)": {"image": "a", "command": "$(touch owned)", "healthcheck": {"test": ["CMD-SHELL", f"curl {ESCAPES}"]}},
    "ctx": {"build": {"context": "/", "additional_contexts": {"x": "../../.."}}},
    "link": {"build": {"context": "out", "dockerfile": "passwd"}},
    "url": {"build": "https://user:hunter3@example.org/x.git"},
}
"""Names that are options, markup and commands; paths that lead out."""


def hostile_repository(root: Path) -> Path:
    """Make it below an empty folder."""
    _write(root / "Dockerfile", DOCKERFILE)
    _write(root / "requirements.txt", "six\n")
    for name in NAMES:
        _write(root / "names" / name / "Dockerfile", DOCKERFILE)
    _write(root / "names" / os.fsdecode(b"\xff\xfe") / "Dockerfile", DOCKERFILE)
    compose = {"name": f"-x{ESCAPES}", "services": SERVICES, "include": ["/etc/passwd", "../../../etc/passwd", f"inc{ESCAPES}"]}
    _write(root / "compose.yaml", json.dumps(compose))
    _write(root / "c" / "Dockerfile", f"FROM img{ESCAPES}:latest\nRUN {ESCAPES} pip install x\nRUN |::error::x\n")
    _write(root / "c" / "Dockerfile.bad", f"FROM a\nHELL{ESCAPES}O x\n")
    (root / "c" / "Dockerfile.latin").write_bytes(b"FROM x\nRUN echo \xe4\xff\nLABEL a=\xff\n")
    (root / "c" / "Dockerfile.nul").write_bytes(b"FROM a\0")
    _numbers_and_anchors(root / "y")
    _no_files(root)
    _write(root / "scripts" / "deploy.sh", f"#!/bin/bash\ndocker build -t x . # {ESCAPES}\n" + "$(" * 2000)
    return root


def _numbers_and_anchors(folder: Path) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + depth)}: &{chr(98 + depth)} [{','.join([f'*{chr(97 + depth)}'] * 9)}]\n" for depth in range(9)
    )
    many = "9" * 400
    _write(folder / "bomb" / "compose.yaml", bomb + "services: {x: {image: *j}}\n")
    _write(folder / "itself" / "compose.yaml", "services: &s\n  a: &a\n    image: x\n    depends_on: *s\n    x: *a\n")
    _write(folder / "merge" / "compose.yaml", "services:\n  a: &a\n    <<: *a\n    image: x\n")
    _write(folder / "deep" / "compose.yaml", "services: " + "[" * 100_000)
    _write(folder / "include" / "compose.yaml", "include: [compose.yaml]\nservices: {a: {extends: b}, b: {extends: a}}\n")
    _write(
        folder / "numbers" / "compose.yaml",
        f"services: {{a: {{image: x, mem_limit: 1e999, cpus: .inf, pids_limit: {many}, ports: [{many}], scale: -5,"
        f" stop_grace_period: {many}h, healthcheck: {{test: [CMD, x], interval: {many}s, start_period: 1e400, retries: {many}}},"
        f" deploy: {{replicas: {many}, resources: {{limits: {{cpus: '1e400', memory: {many}}}}}}}}}}}\n",
    )


def _no_files(root: Path) -> None:
    """Everything that has a file's name and is none."""
    (root / "loop").symlink_to(root)
    (root / "s1").symlink_to("s2")
    (root / "s2").symlink_to("s1")
    (root / "out").symlink_to("/etc")
    links = root / "links"
    links.mkdir()
    (links / "Dockerfile").symlink_to("/etc/passwd")
    (links / "compose.yaml").symlink_to("/dev/zero")
    (links / "Dockerfile.gone").symlink_to("/nowhere")
    pipes = root / "pipes"
    pipes.mkdir()
    for name in ("Dockerfile", "compose.yaml", "deploy.sh", "requirements.txt", "package.json", ".dockerignore", ".env"):
        os.mkfifo(pipes / name)
    folders = root / "folders"
    for name in ("Dockerfile", "compose.yaml", "requirements.txt", ".dockerignore"):
        (folders / name).mkdir(parents=True)
    here = Path.cwd()
    try:
        # A socket's address is short; the folder of a test is not.
        os.chdir(links)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("Dockerfile.socket")
    finally:
        os.chdir(here)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
