"""YAML as data with positions. Reading only: nothing here writes YAML."""

from trimtab.syntax.yaml.load import YamlDocument, YamlProblem, load_yaml

__all__ = ["YamlDocument", "YamlProblem", "load_yaml"]
