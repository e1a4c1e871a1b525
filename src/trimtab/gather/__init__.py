"""Gathering, before a review, what its rules want to know from outside: git, package indexes, registries."""

from trimtab.gather.all import gather
from trimtab.gather.wheels import find_wheels, questions

__all__ = ["find_wheels", "gather", "questions"]
