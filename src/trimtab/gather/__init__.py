"""Gathering, before a review, what its rules want to know from outside: git, package indexes, registries."""

from trimtab.gather.all import gather

__all__ = ["gather"]
