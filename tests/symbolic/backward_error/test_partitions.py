"""Set partitions, against Bell's numbers and the sums that define Moebius numbers."""

import pytest
import sympy as sp

from catapult_sim.symbolic.backward_error.trees import partition_of, partitions, refinements


@pytest.mark.parametrize("size", range(7))
def test_there_are_as_many_partitions_as_bell_counted(size):
    assert len(set(partitions(size))) == sp.bell(size)
    assert all(partition_of(one) == one for one in partitions(size))


@pytest.mark.parametrize("size", range(1, 6))
def test_moebius_numbers_of_all_refinements_add_up_to_nothing(size):
    for one in partitions(size):
        assert sum(number for _, number in refinements(one)) == (len(set(one)) == size)
