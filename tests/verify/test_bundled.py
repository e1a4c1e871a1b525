"""Libraries that wheels carry along."""

from trimtab.verify.bundled import Bundled

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
    assert bundled.by(f"{SITE}/numpy.libs/libgfortran-040039e1.so.5.0.0") == {"quadmath", "gfortran"}
    assert bundled.by(f"{SITE}/numpy/linalg/x.so") == {"quadmath", "gfortran"}
    # Another package may open the system's own, even where numpy carries one.
    assert bundled.by(f"{SITE}/plain/x.so") == set()
    assert bundled.by("/app/main.py") == set()
