"""Credentials are told apart by all of them, and hidden as a whole."""

import pytest

from trimtab.fleet.secrets import known_values

GITHUB = ["ghp_" + letter * 36 for letter in "ab"]
GITLAB = ["glpat-" + "x" * 20, "glcbt-" + "y" * 24, "glcbt-1a_" + "z" * 24]


@pytest.mark.parametrize("token", [*GITHUB, *GITLAB])
def test_a_token_is_all_of_it(token: str) -> None:
    assert [value for _, value in known_values(f"curl -H 'Authorization: {token}' https://example.org")] == [token]


def test_two_tokens_are_two() -> None:
    assert len({value for _, value in known_values(" ".join(GITHUB))}) == 2


def test_a_placeholder_of_a_known_format_is_none() -> None:
    assert list(known_values("https://user:changeme@example.org")) == []
