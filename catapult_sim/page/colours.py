"""Colours of the page: those of the figures, and what a dark screen needs instead."""

from __future__ import annotations

import numpy as np

from catapult_sim.plots import style

DARK = "#151b22"
WHITE = {
    "lazy": 0.45,
    "catapult": 0.15,
    "divergent": 0.6,
    "undecided": 0.3,
}  # of a colour on a dark screen
SHADES = 32  # of the map of final curvatures


def css_colours() -> dict[str, dict[str, str]]:
    """Return the colours of phases as custom properties of CSS, for ``light`` and ``dark`` screens.

    ``--lazy`` fills an area, ``--lazy-line`` draws a line, ``--lazy-ink`` writes.

    Examples
    --------
    >>> from catapult_sim.plots import PHASE_COLOURS
    >>> css_colours()["light"]["--catapult"] == PHASE_COLOURS["catapult"]
    True
    """
    areas = {f"--{phase}": colour for phase, colour in style.PHASE_COLOURS.items()}
    lines = {f"--{phase}-line": colour for phase, colour in style.LINE_COLOURS.items()}
    inks = {f"--{phase}-ink": style.INK_ON_WHITE[phase] for phase in style.PHASE_COLOURS}
    light = areas | lines | inks | {"--undecided": style.UNDECIDED, "--undecided-ink": "#4d4d4d"}
    return {"light": light, "dark": light | _dark()}


def _dark() -> dict[str, str]:
    """Return the colours of lines, closer to black as areas, and to white as lines and letters."""
    found = {}
    for phase, colour in style.LINE_COLOURS.items():
        found[f"--{phase}"] = mixed(colour, DARK, 0.6)
        found[f"--{phase}-line"] = found[f"--{phase}-ink"] = mixed(colour, "#ffffff", WHITE[phase])
    return found


def mixed(one: str, other: str, share: float) -> str:
    """Return a colour between two, with a ``share`` of the other.

    Examples
    --------
    >>> mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    first, second = (
        np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) for text in (one, other)
    )
    return "#" + "".join(
        f"{value:02x}" for value in np.rint(first + share * (second - first)).astype(int)
    )


def final_curvature_ramp() -> list[str]:
    """Return the colours of final curvatures from 0, flat, to 2, the largest that is stable."""
    from matplotlib import colormaps

    places = np.linspace(0.08, 0.98, SHADES)
    rows = np.rint(255 * colormaps["inferno"](places)[:, :3]).astype(int)
    return ["#" + "".join(f"{value:02x}" for value in row) for row in rows]
