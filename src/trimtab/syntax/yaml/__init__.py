"""YAML as data with positions, and edits that change only what they say."""

from trimtab.syntax.yaml.edit import NoEdit, YamlEditor
from trimtab.syntax.yaml.load import Path, YamlDocument, load_documents, load_yaml
from trimtab.syntax.yaml.tree import Node, YamlProblem

__all__ = ["NoEdit", "Node", "Path", "YamlDocument", "YamlEditor", "YamlProblem", "load_documents", "load_yaml"]
