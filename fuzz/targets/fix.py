"""The fix engine over Dockerfiles: any text converges, still parses, and a second run changes nothing."""

from fuzz.fleets import rewritten, text_of
from fuzz.pieces import dockerfile_of

_BESIDE = {
    "requirements.txt": "flask==3.0.0\n", "package.json": '{"name": "a", "scripts": {"build": "x"}}', "main.py": "import flask\n",
    "package-lock.json": '{"lockfileVersion": 3, "packages": {"": {}}}', "src/a.py": "", "start.sh": "#!/bin/sh\nexec python main.py\n",
}  # fmt: skip


def check(data: bytes) -> None:
    """A first byte below 128 makes the rest choose from pieces that fixes are about; the others leave it as it is."""
    text = dockerfile_of(data[1:]) if data[:1] < b"\x80" else text_of(data[1:])
    rewritten({"Dockerfile": text, **_BESIDE})
