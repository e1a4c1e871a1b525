"""One image of the fleet that is built, and what it takes from another."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from trimtab.build.options import BuildOptions
from trimtab.fleet import Build, BuildContext, FleetFile
from trimtab.fleet.needed import needed_stages, outside_references
from trimtab.fleet.stage import Stage
from trimtab.syntax.dockerfile import Instruction


@dataclass(frozen=True)
class Target:
    """One image that is built, whichever services use it."""

    name: str
    """Unique in the graph, and a name that bake takes."""
    build: Build
    tags: tuple[str, ...]
    options: BuildOptions = field(default_factory=BuildOptions)
    services: tuple[str, ...] = ()
    origin: str = ""
    """The file that asks for it: a compose file, a bake file, or the Dockerfile itself."""
    file: FleetFile | None = None
    """None where the Dockerfile lies outside the fleet; one that stands in a compose or bake file has that one's path."""

    groups: tuple[str, ...] = ()
    """What a bake file calls it together with others."""
    triggers: tuple[Instruction, ...] = ()
    """What the fleet's images that it starts from have put off until somebody does: their `ONBUILD`."""

    @property
    def called(self) -> frozenset[str]:
        """Every name that stands for it."""
        return frozenset((self.name, *self.services, *self.groups))

    @cached_property
    def context(self) -> BuildContext | None:
        contexts = self.file.contexts if self.file else ()
        return next((each for each in contexts if each.root == self.build.context), None)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The stages that the image needs, in the file's order; those that it does not need are not built."""
        if self.file is None:
            return ()
        return needed_stages(self.file.stages_of(self.build), self.build.target)

    @cached_property
    def said(self) -> tuple[str, ...]:
        """What the Dockerfile says to this target: directives, the arguments before the first stage, and the needed stages.

        Comments and other stages do not count: BuildKit does not look at them.
        """
        if self.file is None:
            return ()
        dockerfile = self.file.dockerfile
        first = next((i.span.start for i in dockerfile.instructions if i.keyword == "FROM"), 0)
        every = [i for i in dockerfile.instructions if i.span.start < first]
        every += [instruction for stage in self.stages for instruction in stage.instructions]
        texts = ("\0".join((i.logical.text.strip(), *(heredoc.content for heredoc in i.heredocs))) for i in every)
        return (dockerfile.escape, repr(sorted(dockerfile.directives.items())), *texts)

    @property
    def left_to_do(self) -> tuple[Instruction, ...]:
        """What its image makes those do that start from it."""
        named = (stage for stage in self.stages if (stage.name or "").lower() == (self.build.target or "").lower())
        last = next(named, None) or (self.stages[-1] if self.stages else None)
        return tuple(each.trigger for each in last.instructions if each.trigger is not None) if last else ()

    @cached_property
    def references(self) -> Mapping[str, str]:
        """Every image and named context that the needed stages name, and the instruction that does; stages left out."""
        return outside_references(self.stages)


@dataclass(frozen=True, slots=True)
class Link:
    """One image of the fleet that another one is built from."""

    consumer: str
    provider: str
    context: str
    """The name by which the consumer's Dockerfile calls it."""
    how: str
    """`FROM`, `COPY --from`, `RUN --mount` or `additional context`."""
