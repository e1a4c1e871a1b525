"""Libraries that wheels carry along."""

import pytest

from trimtab.verify.bundled import Bundled
from trimtab.verify.losses import may_open

SITE = "/usr/local/lib/python3.12/site-packages"


def test_a_wheel_loads_what_it_carries_and_nothing_else() -> None:
    bundled = Bundled(
        [
            f"{SITE}/numpy.libs/libquadmath-96973f99.so.0.0.0",
            f"{SITE}/numpy.libs/libgfortran-040039e1.so.5.0.0",
            f"{SITE}/numpy/core.so",
            f"{SITE}/other.libs/readme.txt",
            "/usr/lib/x86_64-linux-gnu/libgomp.so.1",
        ]
    )
    assert bundled.by(f"{SITE}/numpy.libs/libgfortran-040039e1.so.5.0.0", b"") == {"quadmath", "gfortran"}
    assert bundled.by(f"{SITE}/numpy/linalg/x.so", b"") == {"quadmath", "gfortran"}
    # Another package may open the system's own, even where numpy carries one.
    assert bundled.by(f"{SITE}/plain/x.so", b"libgfortran.so.5") == set()
    assert bundled.by("/app/main.py", b"libgfortran-040039e1.so.5.0.0") == set()


def test_a_distribution_may_have_another_name_than_its_module() -> None:
    # patchelf puts the new name beside the old one, which stays where nothing reads it any more.
    bundled = Bundled([f"{SITE}/scikit_learn.libs/libgomp-a34b3233.so.1.0.0"])
    loads_its_own = b"\0GOMP_parallel\0libgomp.so.1\0libgomp-a34b3233.so.1.0.0\0"
    assert bundled.by(f"{SITE}/sklearn/_loss.so", loads_its_own) == {"gomp"}
    assert bundled.by(f"{SITE}/sklearn/other.so", b"\0libgomp.so.1\0") == set()


@pytest.mark.parametrize(
    ("path", "may"),
    [
        (f"{SITE}/sklearn/_loss.so", True),
        (f"{SITE}/threadpoolctl.py", True),
        (f"{SITE}/threadpoolctl-3.8.0.dist-info/METADATA", False),
        (f"{SITE}/old.egg-info/PKG-INFO", False),
        (f"{SITE}/numpy/meson.build.template", False),
    ],
)
def test_what_only_speaks_of_a_library_does_not_open_it(path: str, *, may: bool) -> None:
    assert may_open(path) is may
