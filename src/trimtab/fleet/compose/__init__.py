"""Compose projects, loaded in the specification's order: interpolate, include, extends, merge, normalise."""

from trimtab.fleet.compose.load import Project, included_files, load_project
from trimtab.fleet.compose.service import changed_service, read_service

__all__ = ["Project", "changed_service", "included_files", "load_project", "read_service"]
