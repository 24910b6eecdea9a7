"""Who computes: threads that ensembles take from linear algebra, and workers from SciPy."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import threadpoolctl

from catapult_sim import MLP, top_eigenpairs, train
from catapult_sim.numeric.runs.blas_threads import threads, threads_for
from catapult_sim.sweeps.sweep import sweep
from catapult_sim.sweeps.workers import process_pool
from tests.sweeps.sweeping import ensemble, threads_of_ensembles, threads_of_scipy


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


def test_a_small_single_member_takes_one():
    with threads_for(1, small=True) as available:
        assert (available, threads()) == (1, 1)
    assert threads() == 2


def test_a_run_of_a_small_network_takes_one_thread_and_that_of_a_large_one_leaves_them():
    for width, taken in ((3, 1), (3000, 2)):
        network, seen = MLP([2, width, 1]), []

        def see(theta, seen=seen):
            seen.append(threads())
            return theta[:, 0]

        X = np.ones((70, 2))
        theta = network.init(rng=0)
        train(network, theta, X, X[:, 0], learning_rate=1e-3, steps=1, observe={"seen": see})
        assert min(seen) == taken  # one more look, for the memory, is before the run
    assert threads() == 2


def test_eigenpairs_of_a_small_operator_take_one_thread():
    for size, taken in ((20, 1), (2000, 2)):
        seen = []

        def product(v, seen=seen):
            seen.append(threads())
            return v * np.arange(len(v))

        top_eigenpairs(product, size=size, tolerance=0.1, max_products=5, rng=0)
        assert set(seen) == {taken}
    assert threads() == 2


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


def test_a_worker_has_one_thread_also_where_a_cell_has_used_scipy():
    """SciPy brings a BLAS of its own, which is loaded later than NumPy's."""
    with process_pool(1) as pool:
        lines = list(sweep(threads_of_scipy, [{"x": x} for x in range(3)], executor=pool).lines)
    for line in lines:
        asked, libraries = line.result
        assert asked == 1
        assert len(libraries) >= 2
        assert set(libraries) == {1}


def test_its_ensembles_take_the_cores_of_idle_workers():
    with process_pool(4) as pool:
        (alone,) = sweep(threads_of_ensembles, [{"workers": 1}], executor=pool).lines
        pool.submit(time.sleep, 3)
        (beside,) = sweep(threads_of_ensembles, [{"workers": 2}], executor=pool).lines
    assert alone.result == [4, 1, 1]  # of five members, of one, of linear algebra
    assert beside.result == [2, 1, 1]


def test_and_give_the_same_numbers_there():
    with process_pool(2) as pool:
        (split,) = sweep(ensemble, [{"x": 0}], executor=pool).lines
    (whole,) = sweep(ensemble, [{"x": 0}]).lines
    assert split.result == whole.result


def test_so_has_a_process_that_sweeps_by_itself():
    program = "from catapult_sim import sweep; from tests.sweeps.sweeping import threads_of_scipy; "
    program += "print([line.result for line in sweep(threads_of_scipy, [{}]).lines][0][0])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "1\n"


def test_a_pool_that_is_interrupted_does_not_wait_for_its_cells():
    begun = time.monotonic()
    pool = process_pool(1)

    def interrupted():
        with pool:
            sleeper = pool.submit(time.sleep, 60)
            while not sleeper.running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert time.monotonic() - begun < 30
