"""BuildKit's progress stream and its traps."""

import base64
import json

import pytest

from trimtab.docker import GroupReader, ProgressReader, read_progress


def lines(*objects: object) -> list[str]:
    return [json.dumps(each) for each in objects]


def at(seconds: float) -> str:
    return f"2026-01-01T00:00:{seconds:012.9f}Z"


def vertex(digest: str, name: str, *intervals: tuple[float, float], cached: bool = False) -> list[dict[str, object]]:
    announced: list[dict[str, object]] = [{"digest": digest, "name": name}]
    return announced + [
        {"digest": digest, "name": name, "started": at(start), "completed": at(end), "cached": cached}
        for start, end in intervals
    ]


def test_a_vertex_is_counted_once_however_often_it_is_announced() -> None:
    log = read_progress(lines({"vertexes": vertex("a", "[2/3] RUN x", (1, 2), (1, 2), (5, 6.5), (6, 7))}))
    assert log.steps[0].seconds == pytest.approx(3)
    assert len(log.steps) == 1


def test_what_can_never_be_cached_does_not_count() -> None:
    vertexes = [
        *vertex("a", "[internal] load build definition from Dockerfile", (0, 1)),
        *vertex("b", "[1/3] FROM docker.io/library/x", (0, 0)),
        *vertex("c", "[2/3] RUN x", (1, 1), cached=True),
        *vertex("d", "[build 3/3] COPY a b", (1, 1), cached=True),
        *vertex("e", "exporting to image", (1, 2)),
    ]
    log = read_progress(lines({"vertexes": vertexes}))
    assert (log.cached_steps, log.cacheable_steps) == (2, 2)


def test_context_bytes_are_the_last_word_of_each_transfer() -> None:
    statuses = [{"id": "transferring context:", "vertex": "a", "current": n} for n in (10, 500, 500)]
    other = [{"id": "transferring dockerfile:", "vertex": "b", "current": 99}]
    vertexes = [*vertex("a", "[internal] load build context", (0, 1)), *vertex("b", "[internal] load build definition", (0, 1))]
    assert read_progress(lines({"vertexes": vertexes}, {"statuses": statuses}, {"statuses": other})).context_bytes == 500


def test_logs_errors_and_plain_lines() -> None:
    data = base64.b64encode(b"boom\n").decode()
    log = read_progress(
        [*lines({"vertexes": [{"digest": "a", "name": "[2/2] RUN x", "error": "exit code: 1"}], "logs": [{"data": data}]})]
        + ["ERROR: failed to solve", "{broken", "[]"]
    )
    assert log.error == "exit code: 1"
    assert log.log == "boom\nERROR: failed to solve\n{broken\n[]\n"


def test_pulled_bytes_are_those_of_layers_that_were_fetched() -> None:
    statuses = [{"id": f"sha256:{name}", "vertex": "a", "current": n, "total": t} for name, n, t in
                [("a", 5, 10), ("a", 10, 10), ("b", 7, 7), ("c", 0, 0)]]  # fmt: skip
    statuses.append({"id": "extracting sha256:a", "vertex": "a", "current": 3, "total": 10})
    assert read_progress(lines({"vertexes": vertex("a", "[1/2] FROM x", (0, 1))}, {"statuses": statuses})).pulled_bytes == 17


def test_what_is_being_done_is_known_while_it_is_done() -> None:
    reader = ProgressReader()
    reader.take(json.dumps({"vertexes": [{"digest": "a", "name": "[1/2] COPY a b"}]}))
    assert reader.current == ""
    reader.take(json.dumps({"vertexes": [{"digest": "a", "name": "[1/2] COPY a b", "started": at(1)}]}))
    assert (reader.current, reader.counts) == ("[1/2] COPY a b", (0, 0, 1))
    reader.take(json.dumps({"vertexes": vertex("a", "[1/2] COPY a b", (1, 2))[1:]}))
    assert (reader.current, reader.counts) == ("", (0, 1, 1))


def test_the_first_missed_step_is_the_earliest_that_was_done() -> None:
    vertexes = [
        *vertex("x", "[1/4] FROM x", (0, 1)),
        *vertex("c", "[4/4] RUN c", (5, 6)),
        *vertex("a", "[2/4] RUN a", (1, 1), cached=True),
        *vertex("b", "[3/4] RUN b", (2, 3)),
    ]
    log = read_progress(lines({"vertexes": vertexes}))
    assert log.first_missed is not None
    assert log.first_missed.label == "RUN b"
    assert log.worked == pytest.approx(3)


def test_targets_that_bake_builds_in_one_go_are_taken_apart() -> None:
    reader = GroupReader(["web", "api"])
    steps = [
        *vertex("s", "[web internal] load build context", (0, 1)),
        *vertex("s", "[api internal] load build context", (0, 1)),
        *vertex("w", "[web build 2/3] RUN w", (1, 3)),
        *vertex("a", "[api 2/2] COPY a /a", (1, 1), cached=True),
        *vertex("e", "[web] exporting to image", (3, 4)),
        *vertex("f", "[api] exporting to image", (3, 4)),
    ]
    for line in lines({"vertexes": steps}, {"statuses": [{"id": "transferring context:", "vertex": "s", "current": 7}]}):
        reader.take(line)
    web, api = reader.log("web"), reader.log("api")
    assert [step.label for step in web.steps if step.cacheable] == ["RUN w"]
    assert (web.cached_steps, web.context_bytes) == (0, 7)
    assert (api.cached_steps, api.cacheable_steps, api.context_bytes) == (1, 1, 7)
    reader.take("ERROR: told to all")
    assert "told to all" in reader.log("api").log
