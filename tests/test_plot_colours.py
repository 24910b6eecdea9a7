"""Colours of phases, measured: told apart in grey, and by eyes that lack a kind of cone."""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from catapult_sim.plots import canvas, phases, style

# Machado, Oliveira and Fernandes 2009, table 1, severity 1, of linear light.
EYES = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
XYZ = np.array(  # of linear sRGB, IEC 61966-2-1
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
APART = 10.0  # CIELAB; a difference of 2.3 is just noticeable side by side


def lab(colour, eye="normal"):
    """CIELAB coordinates (CIE 1976) of a colour as an eye sees it."""
    rgb = np.array(to_rgb(colour))
    light = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    t = XYZ @ np.clip(EYES[eye] @ light, 0, 1) / XYZ.sum(axis=1)
    x, y, z = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_the_formula_knows_white_black_and_confused_colours():
    np.testing.assert_allclose(lab("white"), [100, 0, 0], atol=0.02)
    np.testing.assert_allclose(lab("black"), 0, atol=1e-9)
    np.testing.assert_allclose(lab("red"), [53.24, 80.09, 67.20], atol=0.05)  # published values
    red, green = "#c05050", "#808a4c"
    assert np.linalg.norm(lab(red) - lab(green)) > 4 * APART
    assert np.linalg.norm(lab(red, "deuteranopia") - lab(green, "deuteranopia")) < APART


AREAS = phases.COLOURS
LINES = style.LINE_COLOURS


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("colours", [AREAS, LINES], ids=["areas", "lines"])
def test_phases_are_told_apart_by_every_eye(colours, eye):
    assert set(colours) == {"lazy", "catapult", "divergent", "undecided"}
    for one, other in combinations(colours.values(), 2):
        assert np.linalg.norm(lab(one, eye) - lab(other, eye)) > APART


@pytest.mark.parametrize("colours", [AREAS, LINES], ids=["areas", "lines"])
def test_phases_are_told_apart_in_grey(colours):
    lightness = sorted(lab(colour)[0] for colour in colours.values())
    assert min(np.diff(lightness)) > APART


def test_lines_of_phases_stand_out_from_white_paper():
    assert all(lab("white")[0] - lab(colour)[0] > 3 * APART for colour in LINES.values())


def test_a_map_of_colours_is_read_by_the_codes_of_phases():
    colours = canvas.colour_map(list(AREAS.values()))
    assert [to_rgb(colours(code)) for code in range(4)] == [to_rgb(one) for one in AREAS.values()]
