"""Amplitudes of frozen paths against Sionna RT's, path by path, in the street canyon.

    python -m tests.science.radio_parity

Relative difference of complex amplitudes: as they are; with Sionna's points of reflection in place of ours; and with a
square root of the permittivity in Sionna that doesn't lose digits as well. What is left is single precision.
"""

from __future__ import annotations

import numpy as np

from tests.unit.test_tracer import FREQUENCY, SLANT, Parity
from twin.radio.scene import open_scene


def main() -> None:
    scene = open_scene("simple_street_canyon", FREQUENCY)
    import drjit as dr
    from sionna.rt.utils import electromagnetics

    print(
        f"{'':<34}{'paths':>7}{'median':>10}{'largest':>10}{'median':>10}{'largest':>10}{'median':>10}{'largest':>10}"
    )
    for slant, polarised in ((0.0, "vertical"), (SLANT, "36 degrees")):
        for refraction in (False, True):
            plain = Parity(scene, "tr38901", slant, refraction)
            before, electromagnetics.complex_sqrt = electromagnetics.complex_sqrt, dr.sqrt
            exact = Parity(scene, "tr38901", slant, refraction)
            electromagnetics.complex_sqrt = before
            errors = plain.error(plain.ours), plain.error(plain.with_their_points), exact.error(exact.with_their_points)
            for through in (False, True) if refraction else (False,):
                which = plain.through == through
                name = f"{polarised}, {'through walls' if through else 'reflected'}"
                name += ", refraction on" if refraction and not through else ""
                row = "".join(f"{f(e[which]):>10.1e}" for e in errors for f in (np.median, np.max))
                print(f"{name:<34}{np.count_nonzero(which):>7}{row}")
            assert plain.lost == exact.lost == 0


if __name__ == "__main__":
    main()
