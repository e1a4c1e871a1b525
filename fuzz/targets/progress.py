"""BuildKit's progress: never a reason to fail, whatever a builder prints."""

from trimtab.docker.progress import GroupReader, ProgressReader


def check(data: bytes) -> None:
    reader, group = ProgressReader(), GroupReader(["a", "b"])
    for line in data.decode("utf-8", "replace").split("\n"):
        reader.take(line)
        group.take(line)
    log = reader.log
    assert reader.counts[0] <= reader.counts[2], "more cached steps than steps"
    assert log.cached_steps <= log.cacheable_steps, "more cached steps than there can be"
    assert log.worked >= 0, "less than no time"
    group.log("a")
