"""Gathering, before a review, what its rules want to know from outside: git, package indexes, registries."""

from trimtab.gather.all import Reliance, closed_folders, gather, relied_on
from trimtab.gather.wheels import find_wheels, index_settings, questions

__all__ = ["Reliance", "closed_folders", "find_wheels", "gather", "index_settings", "questions", "relied_on"]
