"""What is built on a file's image."""

from trimtab.fleet import MemoryTree, discover, facts_for


def test_what_may_start_from_an_image_comes_in_order_of_paths() -> None:
    bases: dict[str, str] = {}
    for number in range(10):
        # The first one of three shares a word with each of the others.
        bases |= {f"{number}a": f"pear{number}/plum{number}", f"{number}b": f"pear{number}/x", f"{number}c": f"plum{number}/x"}
    files = {f"{name}/Dockerfile": f"FROM {base}:1\n" for name, base in bases.items()}
    fleet = discover(MemoryTree({**files, "base/Dockerfile": "FROM debian:12\n"}))
    base = fleet.file("base/Dockerfile")
    assert base is not None
    # Nothing says what the image is called, so that each of them may start from it.
    assert [file.path for file, _ in facts_for(base, fleet).built_on] == sorted(files)
