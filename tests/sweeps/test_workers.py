"""Who computes: threads that ensembles take from linear algebra."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import threadpoolctl

from catapult_sim.numeric.runs.blas_threads import threads, threads_for


@pytest.fixture(autouse=True)
def two_threads():
    with threadpoolctl.threadpool_limits(2):
        yield


def test_an_ensemble_takes_the_threads_of_linear_algebra_and_gives_them_back():
    with threads_for(5) as available:
        assert (available, threads()) == (2, 1)
    assert threads() == 2


def test_a_single_member_leaves_them():
    with threads_for(1) as available:
        assert (available, threads()) == (1, 2)


def test_what_an_ensemble_took_comes_back_where_it_fails():
    with pytest.raises(KeyboardInterrupt), threads_for(5):
        raise KeyboardInterrupt
    assert threads() == 2


def test_ensembles_in_threads_of_the_caller_leave_linear_algebra_alone():
    def seen(_):
        with threads_for(5) as available:
            return available, threads()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(seen, range(20))) == [(1, 2)] * 20
    assert threads() == 2
