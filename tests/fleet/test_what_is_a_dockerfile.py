"""Which files of a repository are read as Dockerfiles."""

from trimtab.fleet import MemoryTree, discover

_TEXT = "FROM debian:12\nRUN true\n"


def test_what_a_dockerfile_is_made_from_is_none() -> None:
    templates = ["Dockerfile.in", "Dockerfile.tpl", "Dockerfile.m4", "Dockerfile.erb", "Dockerfile.jinja2"]
    fleet = discover(MemoryTree({**dict.fromkeys(templates, _TEXT), "Dockerfile.dev": _TEXT}))
    assert [file.path for file in fleet.files] == ["Dockerfile.dev"]


def test_what_the_c_preprocessor_reads_is_none_unless_it_is_built() -> None:
    text = f'#include "common.Dockerfile"\n{_TEXT}#if defined(X)\nUSER x\n#endif\n'
    files = {"a/template.Dockerfile": text, "b/Dockerfile": f"#if you change this, tell us\n# endif\n{_TEXT}"}
    assert [file.path for file in discover(MemoryTree(files)).files] == ["b/Dockerfile"]
    built = "services: {a: {build: {context: a, dockerfile: template.Dockerfile}}}\n"
    assert len(discover(MemoryTree({**files, "compose.yaml": built})).files) == 2
