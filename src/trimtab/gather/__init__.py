"""Gathering, before a review, what its rules want to know from outside: git, package indexes, registries."""

from trimtab.gather.all import Reliance, gather, relied_on
from trimtab.gather.wheels import find_wheels, index_settings, questions

__all__ = ["Reliance", "find_wheels", "gather", "index_settings", "questions", "relied_on"]
