"""`.dockerignore`: moby's pattern language, which is not gitignore's."""

from trimtab.syntax.ignore.match import IgnoreFile, PatternError, clean_path, parse_ignore

__all__ = ["IgnoreFile", "PatternError", "clean_path", "parse_ignore"]
