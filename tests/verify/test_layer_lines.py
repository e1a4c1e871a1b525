"""Which line made which layer."""

from trimtab.docker.layers import Image, Layer, LayerFile
from trimtab.verify.layers import image_use

TEXT = "FROM base AS one\nENV A=1\nRUN make\nFROM one\nCOPY . .\nRUN rm -r \\\n    /x\nCMD a\n"
HISTORY = (
    ("CMD bash", False),
    ("ADD file:1 in /", True),
    ("ENV A=1", False),
    ("RUN /bin/sh -c make # buildkit", True),
    ("COPY . . # buildkit", True),
    ("RUN /bin/sh -c rm -r /x # buildkit", True),
    ('CMD ["/bin/sh" "-c" "a"]', False),
)


def test_layers_are_matched_to_lines_from_the_end() -> None:
    layers = (
        Layer("ADD file:1 in /", 0, {"/base": LayerFile(1)}),
        Layer("RUN make", 0, {"/x/y": LayerFile(10)}),
        Layer("COPY . .", 0, {"/app": LayerFile(5)}),
        Layer("RUN rm", 0, {}, frozenset({"/x"})),
    )
    use = image_use(Image(layers, HISTORY), TEXT, None)
    assert [(layer.line, layer.bytes, layer.hidden_bytes) for layer in use.layers] == [
        (None, 1, 0), (3, 10, 10), (5, 5, 0), (6, 0, 0),
    ]  # fmt: skip
    assert use.layers[1].hidden_paths == ("/x/y",)
    assert use.reclaimable_bytes == 10


def test_a_history_that_does_not_fit_names_no_line() -> None:
    layers = (Layer("", 0, {"/a": LayerFile(1)}), Layer("", 0, {"/b": LayerFile(1)}))
    use = image_use(Image(layers, HISTORY), TEXT, None)
    assert [layer.line for layer in use.layers] == [None, None]


def test_without_a_target_the_last_stage_is_meant_though_the_first_has_no_name() -> None:
    layers = (Layer("ADD", 0, {"/a": LayerFile(1)}), Layer("COPY", 0, {"/b": LayerFile(1)}))
    image = Image(layers, (("ADD file:1 in /", True), ("COPY b / # buildkit", True)))
    use = image_use(image, "FROM base\nCOPY a /\nFROM other\nCOPY b /\n", None)
    assert [layer.line for layer in use.layers] == [None, 4]
