"""Bake files in JSON and HCL: targets, or a problem of the file."""

from fuzz.fleets import reviewed, text_of


def check(data: bytes) -> None:
    name = "docker-bake.json" if data[:1] == b"{" else "docker-bake.hcl"
    reviewed({name: text_of(data), "Dockerfile": "FROM scratch\n"})
