"""The only door to the Docker engine."""

from trimtab.docker.builders import Builder, read_builder
from trimtab.docker.command import Command
from trimtab.docker.images import ImageConfig, read_config
from trimtab.docker.progress import BuildLog, GroupReader, ProgressReader, Step, read_progress
from trimtab.docker.runner import Completed, ProcessRunner, Runner, engine_folder, engine_version
from trimtab.docker.tree import FileEntry, ImageTree, read_tree, search_tree

__all__ = [
    "BuildLog",
    "Builder",
    "Command",
    "Completed",
    "FileEntry",
    "GroupReader",
    "ImageConfig",
    "ImageTree",
    "ProcessRunner",
    "ProgressReader",
    "Runner",
    "Step",
    "engine_folder",
    "engine_version",
    "read_builder",
    "read_config",
    "read_progress",
    "read_tree",
    "search_tree",
]
