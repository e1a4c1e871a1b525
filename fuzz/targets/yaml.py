"""YAML: refused with a YamlProblem, or read; an edit sets what it says and keeps the document readable."""

from fuzz.fleets import text_of
from trimtab.fleet.plain import mapping
from trimtab.syntax.yaml import NoEdit, YamlEditor, YamlProblem, load_documents
from trimtab.text import Source, apply_edits

_PATHS = (("services", "a", "restart"), ("services", "a", "healthcheck", "interval"), ("x",))


def check(data: bytes) -> None:
    source = Source("compose.yaml", text_of(data))
    try:
        documents = load_documents(source)
    except YamlProblem:
        return
    for document in documents:
        for node in (*document.nodes.values(), *document.keys.values()):
            assert 0 <= node.start <= node.end <= len(source.text), "a node outside the file"
    if len(documents) == 1 and isinstance(documents[0].data, dict):
        for path in _PATHS:
            _edited(source, path)


def _edited(source: Source, path: tuple[str, ...]) -> None:
    edit = YamlEditor(source, load_documents(source)[0]).set(path, "always")
    if isinstance(edit, NoEdit):
        return
    value = load_documents(Source(source.path, apply_edits(source.text, [edit])))[0].data
    for key in path:
        value = mapping(value).get(key)
    assert value == "always", "the value that was set is not there"
