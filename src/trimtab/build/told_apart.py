"""Which builds belong to which of several services of one name. Pure."""

from collections.abc import Mapping, Set

from trimtab.build.graph import Wanted, build_graph
from trimtab.fleet import Fleet
from trimtab.fleet.told_apart import told_apart

Targets = Mapping[str, Set[str]]


def targets_of(fleet: Fleet) -> Targets:
    """The targets of each service that shares its name with one of another project; whoever does not is not among them."""
    shared = [each for each in told_apart(fleet).values() if each.project]
    if not shared:
        return {}
    targets = build_graph(fleet, fleet.tree.name, Wanted(everything=True)).targets
    return {
        told.name: {
            name
            for name, target in targets.items()
            if told.service in target.services
            and any(each.build and each.build.key == target.build.key for each in told.services)
        }
        for told in shared
    }
