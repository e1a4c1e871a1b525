"""Marked blocks: what is ours is written anew, what is somebody's stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.pipelines.blocks import BrokenMarks, Fate, merged, pieces, sealed

OLD = "# top\n# >>> trimtab: a\none\n# <<< trimtab: a\n\n  # >>> trimtab: b\n  two\n  # <<< trimtab: b\n"
NEW = OLD.replace("two", "2")


def fates(current: str | None, new: str, *, force: bool = False) -> dict[str, Fate]:
    return {each.name: each.fate for each in merged(current, sealed(new), force=force).blocks}


def test_a_file_that_is_not_there_is_new() -> None:
    result = merged(None, sealed(OLD), force=False)
    assert (result.text, result.fate) == (sealed(OLD), Fate.NEW)


def test_a_second_time_changes_nothing() -> None:
    result = merged(sealed(OLD), sealed(OLD), force=False)
    assert (result.text, result.fate) == (sealed(OLD), Fate.UNCHANGED)


def test_what_is_as_it_was_written_follows_and_what_lies_outside_stays() -> None:
    mine = sealed(OLD).replace("# top", "# mine").replace("a\n\n  #", "a\n\nextra: 1\n\n  #")
    result = merged(mine, sealed(NEW), force=False)
    assert fates(mine, NEW) == {"a": Fate.UNCHANGED, "b": Fate.CHANGED}
    assert "# mine\n" in result.text
    assert "\nextra: 1\n" in result.text
    assert "\n  2\n" in result.text
    assert merged(result.text, sealed(NEW), force=False).fate is Fate.UNCHANGED


def test_an_edited_block_is_kept_and_left_when_something_else_would_be_written() -> None:
    mine = sealed(OLD).replace("  two", "  three")
    assert fates(mine, OLD) == {"a": Fate.UNCHANGED, "b": Fate.KEPT}
    result = merged(mine, sealed(NEW), force=False)
    assert (result.text, result.fate) == (mine, Fate.LEFT)
    assert [(each.before, each.after) for each in result.blocks if each.fate is Fate.LEFT] == [("  three\n", "  2\n")]


@pytest.mark.parametrize("new", [OLD, NEW])
def test_force_puts_ours_in_its_place_and_touches_nothing_outside(new: str) -> None:
    mine = sealed(OLD).replace("  two", "  three").replace("# top", "# mine")
    result = merged(mine, sealed(new), force=True)
    assert result.text == sealed(new).replace("# top", "# mine")
    assert result.fate is Fate.REPLACED


def test_an_edit_that_writes_what_we_would_write_is_none() -> None:
    mine = sealed(OLD).replace("  two", "  2")
    assert fates(mine, NEW) == {"a": Fate.UNCHANGED, "b": Fate.UNCHANGED}


def test_a_block_that_is_not_needed_goes_unless_it_was_edited() -> None:
    only = OLD.partition("\n\n")[0] + "\n"
    assert fates(sealed(OLD), only) == {"a": Fate.UNCHANGED, "b": Fate.REMOVED}
    assert "two" not in merged(sealed(OLD), sealed(only), force=False).text
    mine = sealed(OLD).replace("  two", "  three")
    assert fates(mine, only) == {"a": Fate.UNCHANGED, "b": Fate.LEFT}
    assert fates(mine, only, force=True)["b"] is Fate.REMOVED


@pytest.mark.parametrize(("there", "order"), [("a", "ab"), ("b", "ab"), ("x", "xab")])
def test_a_new_block_is_put_where_it_belongs(there: str, order: str) -> None:
    def block(name: str) -> str:
        return f"# >>> trimtab: {name}\n{name}\n# <<< trimtab: {name}\n"

    result = merged(sealed(block(there)), sealed("\n".join(map(block, order))), force=False)
    assert [each.name for each in pieces(result.text) if each.name] == list(order)
    assert result.fate is Fate.CHANGED


@pytest.mark.parametrize(
    "text",
    [
        "on: push\n",
        "",
        "# >>> trimtab: a\nno end\n",
        "# <<< trimtab: a\n",
        "# >>> trimtab: a\n# >>> trimtab: b\n# <<< trimtab: b\n# <<< trimtab: a\n",
        "# >>> trimtab: a\n# <<< trimtab: a\n" * 2,
    ],
)
def test_a_file_of_somebody_is_left_unless_forced(text: str) -> None:
    result = merged(text, sealed(OLD), force=False)
    assert (result.text, result.fate, result.blocks) == (text, Fate.LEFT, ())
    assert merged(text, sealed(OLD), force=True).text == sealed(OLD)


def test_marks_without_a_partner_are_told() -> None:
    with pytest.raises(BrokenMarks, match="`a` has no end"):
        pieces("# >>> trimtab: a\n")


def test_line_ends_of_another_system_are_no_edit_and_stay() -> None:
    windows = sealed(OLD).replace("\n", "\r\n")
    assert fates(windows, OLD) == {"a": Fate.UNCHANGED, "b": Fate.UNCHANGED}
    assert merged(windows, sealed(NEW), force=False).text == sealed(NEW).replace("\n", "\r\n")


LINES = st.lists(
    st.sampled_from(
        ["# >>> trimtab: a", "# <<< trimtab: a", "  # >>> trimtab: b", "  # <<< trimtab: b", "x", "", "\x85y", "é\r"]
    )
)


@given(LINES)
def test_the_parts_of_a_file_are_the_file(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        found = pieces(text)
    except BrokenMarks:
        return
    assert "".join(each.text for each in found) == text
    assert merged(text, sealed(OLD), force=False).text.count("# >>> trimtab: a") <= 1 or not any(e.name for e in found)


@given(st.text(alphabet="ab \n#", max_size=20), st.text(alphabet="ab \n#", max_size=20))
def test_what_lies_outside_is_never_lost(before: str, after: str) -> None:
    mine = f"{before}\n{sealed(OLD)}{after}"
    for force in (False, True):
        result = merged(mine, sealed(NEW), force=force).text
        assert result.startswith(f"{before}\n")
        assert result.endswith(after)
        assert merged(result, sealed(NEW), force=False).text == result
