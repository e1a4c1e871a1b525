"""Which line of the Dockerfile made which layer, and what of it is wasted."""

from collections.abc import Sequence

from trimtab.docker.layers import Image
from trimtab.docker.waste import dive_wasted_bytes, find_waste
from trimtab.syntax.dockerfile import Instruction
from trimtab.verify.evidence import ImageUse, LayerUse
from trimtab.verify.intent import Intent


def image_use(image: Image, dockerfile: str, target: str | None) -> ImageUse:
    """The layers of an image that a text of a Dockerfile was built to."""
    made = _made_by(image, _instructions(dockerfile, target))
    wastes = find_waste(image)
    layers: list[LayerUse] = []
    for index, layer in enumerate(image.layers):
        own = [waste for waste in wastes if waste.layer == index]
        instruction = made.get(index)
        text = instruction.logical.text.strip() if instruction else layer.created_by
        hidden = sum(waste.bytes for waste in own)
        paths = tuple(path for waste in own for path in waste.paths)[:5]
        layers.append(LayerUse(instruction.start_line if instruction else None, text[:200], layer.size, hidden, paths))
    return ImageUse(tuple(layers), sum(waste.bytes for waste in wastes), dive_wasted_bytes(image))


def _instructions(dockerfile: str, target: str | None) -> list[Instruction]:
    """The instructions that an image's own history consists of: those of its stage and of the stages it starts from."""
    instructions = (each for stage in Intent(dockerfile, {}, target).lineage for each in stage.instructions)
    return [each for each in instructions if each.keyword != "FROM"]


def _made_by(image: Image, instructions: Sequence[Instruction]) -> dict[int, Instruction]:
    """Layer to instruction, matched from the end: BuildKit writes one entry of history for each instruction.

    It stops at the first entry whose keyword is another one: what lies below is the base's, or not understood.
    """
    found: dict[int, Instruction] = {}
    layer = len(image.layers)
    if sum(made for _, made in image.history) != layer:
        return found
    for (text, made), instruction in zip(reversed(image.history), reversed(instructions), strict=False):
        if not text.upper().startswith((instruction.keyword, f"/BIN/SH -C #(NOP) {instruction.keyword}")):
            break
        if made:
            layer -= 1
            found[layer] = instruction
    return found
