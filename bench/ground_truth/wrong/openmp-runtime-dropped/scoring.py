"""Scores in parallel; the OpenMP runtime is bound by name, as compiled extensions do."""

import ctypes

_openmp = ctypes.CDLL("libgomp.so.1")


def threads() -> int:
    return int(_openmp.omp_get_max_threads())


def score(text: str) -> int:
    return sum(text.encode()) % 100
