"""Building images and knowing what a build did."""

from trimtab.build.failures import Outage, outage
from trimtab.build.image import BuildRequest, BuildResult, build_image
from trimtab.build.slots import Slots

__all__ = ["BuildRequest", "BuildResult", "Outage", "Slots", "build_image", "outage"]
