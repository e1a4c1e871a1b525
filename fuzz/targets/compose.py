"""Compose files: whatever is in them, the fleet is discovered and every rule comes to an end."""

from fuzz.fleets import reviewed, text_of

_BESIDE = {
    "a/Dockerfile": 'FROM python:3.12-slim\nCOPY . .\nHEALTHCHECK CMD curl -f http://localhost/\nCMD ["x"]\n',
    ".env": "A=1\n",
}


def check(data: bytes) -> None:
    first, _, second = text_of(data).partition("\f")
    reviewed({"compose.yaml": first, **({"compose.override.yaml": second} if second else {}), **_BESIDE})
