"""Plain data, narrowed to what is expected of it."""

import pytest

from trimtab.fleet.plain import whole


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), (0, 0), (None, None), ("", None), (-1, None), ("7.5", None), (7.5, None), (True, None), ("²", None),
     ("9" * 5000, None)],
)  # fmt: skip
def test_a_whole_number_is_one_or_nothing(value: object, number: int | None) -> None:
    assert whole(value) == number


def test_a_number_that_python_does_not_write_is_none() -> None:
    assert whole(10**5000) is None
