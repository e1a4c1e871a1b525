"""Compose projects, loaded in the specification's order: interpolate, include, extends, merge, normalise."""

from trimtab.fleet.compose.load import Project, included_files, load_project
from trimtab.fleet.compose.service import read_service

__all__ = ["Project", "included_files", "load_project", "read_service"]
