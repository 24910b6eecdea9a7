"""What the list of derivations says of each."""

from catapult_sim.symbolic.catalogue import Derivation


def test_the_summary_is_the_first_line_of_a_docstring_as_plain_text():
    def derive():
        """Return a map, in the form of :func:`sample_map`.

        Not said in a list.
        """

    assert Derivation("map", derive, {}, ()).summary == "Return a map, in the form of sample-map"
