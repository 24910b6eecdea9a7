"""Rules as formulas."""

import xml.etree.ElementTree as ElementTree

import pytest

from catapult_sim.symbolic import linear_net
from tests.symbolic.rules import ROTATION, RULES, rule_named


def test_latex_marks_the_steps_and_uses_the_notation():
    lines = ROTATION.latex().splitlines()
    assert lines == [r"x_{t+1} = - \alpha y_{t} + x_{t}", r"y_{t+1} = \alpha x_{t} + y_{t}"]


def test_latex_of_the_sample_map_prints_lambda():
    assert r"\lambda_{t+1} = " in linear_net.sample_map().latex()


@pytest.mark.parametrize("name", RULES)
def test_mathml_is_well_formed_and_has_one_equation_per_line(name):
    rule = rule_named(name)
    elements = [ElementTree.fromstring(line) for line in rule.mathml().splitlines()]
    assert len(elements) == len(rule.where) + len(rule.state)
    assert {element.tag for element in elements} == {"math"}


def test_mathml_writes_the_letters_of_the_notation():
    assert "<msub><mi>&#955;</mi><mi>t</mi></msub>" in rule_named("sample-map").mathml()
    assert "lam" not in rule_named("sample-map").mathml()


def test_mathml_writes_a_negative_term_as_a_difference():
    line = rule_named("closure").mathml().splitlines()[1]
    text = "".join(ElementTree.fromstring(line).itertext())
    assert "\N{MINUS SIGN}\N{GREEK SMALL LETTER ETA}" in text
    assert "-" not in text
    assert "(\N{MINUS SIGN}1)" not in text
    assert "+\N{MINUS SIGN}" not in text


@pytest.mark.parametrize("name", RULES)
def test_latex_has_no_double_signs_and_balanced_braces(name):
    text = rule_named(name).latex() + rule_named(name).entrywise().latex()
    assert "+ -" not in text
    assert text.count("{") == text.count("}")
