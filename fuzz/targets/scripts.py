"""Scripts and CI files of a fleet: found, read and reviewed, whatever is in them."""

from fuzz.fleets import reviewed, text_of

_NAMES = ("deploy.sh", "build.ps1", ".github/workflows/ci.yml", ".gitlab-ci.yml", "Makefile", ".env", "requirements.txt")
_DOCKERFILE = 'FROM python:3.12\nCOPY . .\nRUN pip install -r requirements.txt\nCMD ["python", "main.py"]\n'


def check(data: bytes) -> None:
    name = _NAMES[data[0] % len(_NAMES)] if data else _NAMES[0]
    compose = "services:\n  a:\n    build: .\n    env_file: .env\n"
    reviewed({"Dockerfile": _DOCKERFILE, "compose.yaml": compose, name: text_of(data[1:])})
