"""Studies of one model at many learning rates: phases, losses, curvature, accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from catapult_sim.experiments.scan_rows import Row, rows_of
from catapult_sim.experiments.study_cells import Samples, StudyCells, study_cells
from catapult_sim.memory import require_memory
from catapult_sim.numeric.runs.boundary import Boundary, refined
from catapult_sim.numeric.runs.optimizers import AnyOptimizer, GradientDescent
from catapult_sim.numeric.runs.phases import BELOW, BEYOND, UNKNOWN, Phase, Phases
from catapult_sim.printing import counted
from catapult_sim.sweeps.cell import Cell, identify_all
from catapult_sim.sweeps.record import Line, settled
from catapult_sim.sweeps.sweep import CELL_BYTES, sweep
from catapult_sim.tables import Columns, data_frame, html_table
from catapult_sim.types import Array, Progress
from catapult_sim.validation import (
    InputError,
    require_count,
    require_one_of,
    require_positive,
)

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATES = tuple(2.0 ** (half / 2) for half in range(-2, 9))  # from 0.5 to 16
COLUMNS = (
    *("phase", "steps", "first_loss", "peak_loss", "last_loss"),
    *("first_eigenvalue", "last_eigenvalue", "accuracy"),
)
LETTERS = {"lazy": "L", "catapult": "C", "divergent": "D", "undecided": "?"}
SIDES = {"lazy": BELOW, "catapult": BELOW, "divergent": BEYOND, "undecided": UNKNOWN}
UNITS = ("c", "learning_rate")


@dataclass(frozen=True, repr=False)
class Study:
    """What a model did at each learning rate, from each start; made by :func:`study`."""

    model: str  # as it is written
    samples: int
    steps: int  # of a run, at most
    lines: tuple[Line, ...]  # of the record, by start and then by c
    cells: StudyCells | None = None  # what computes them; None where they were read

    @cached_property
    def quantities(self) -> tuple[str, ...]:
        """The quantities that :meth:`plot` draws."""
        more = ("accuracy",) if "accuracy" in self.lines[0].result else ()
        return ("peak", "loss", "curvature", *more)

    @cached_property
    def rows(self) -> list[Row]:
        """A dict for each c: the phases, and each of the quantities, by start."""
        return rows_of(self.lines, self.quantities)

    @property
    def c(self) -> Array:
        """The learning rates times lambda_0, ``(K,)``."""
        return np.array([row["c"] for row in self.rows])

    @property
    def phases(self) -> Phases:
        """The phase of each run, ``(S, K)``: codes that print as words."""
        codes = [[Phase[phase.upper()] for phase in row["phases"]] for row in self.rows]
        return np.array(codes, dtype=np.int8).T.view(Phases)

    @property
    def lambda_0(self) -> Array:
        """The top eigenvalue of the tangent kernel of each start, ``(S,)``."""
        return np.array([line.result["first_eigenvalue"] for line in self.lines[:: len(self.c)]])

    def values(self, name: str) -> Array:
        """Return a quantity of all runs, ``(S, K)``; NaN where it is not finite."""
        require_one_of("name", name, self.quantities)
        return np.array([row[name] for row in self.rows], dtype=float).T

    def boundary(self, unit: str = "c", *, tolerance: float = 0.02) -> Boundary:
        """Find the largest learning rate: where the runs of each start end to converge.

        Between the learning rates of the study, that is bracketed by more runs of the same kind.

        Parameters
        ----------
        unit : {"c", "learning_rate"}
            Whether as c, times lambda_0, or as the optimiser takes it.
        tolerance : float
            Relative width to which the bracket of each start is refined.

        Returns
        -------
        Boundary
            ``lower`` converged and ``upper`` diverged, each ``(S,)``; ``measured`` is the mean of
            their centres. Undecided runs belong to neither side. Where no run of a start diverged
            ``upper`` is infinite, and where none converged ``lower`` is 0: study other c.

        Raises
        ------
        InputError
            Where ``unit`` is another word, ``tolerance`` is not positive, or a run cannot be
            computed.

        Examples
        --------
        >>> import catapult_sim as cs
        >>> net = cs.LinearNet([[1.0]], [0.0], width=10**9)
        >>> found = cs.study(net, c=[1.0, 3.0, 5.0])
        >>> print(found.boundary().measured)
        4.00(2)
        >>> print(found.boundary("learning_rate").scaled(found.lambda_0).measured)
        4.00(2)
        """
        require_one_of("unit", unit, UNITS)
        if self.cells is None:
            raise InputError("a study that was read from its record has no model to run")
        starts = self.phases.shape[0]
        known = np.repeat(self.c[:, None], starts, axis=1)
        sides = _sides(self.lines).reshape(starts, -1).T
        found = refined(partial(self._sides_at, self.cells), known, sides, tolerance)
        return found if unit == "c" else found.scaled(1 / self.lambda_0)

    def _sides_at(self, function: StudyCells, c: Array) -> npt.NDArray[Any]:
        """Return on which side of the boundary the runs at ``c (K, S)`` are."""
        starts = [line.cell for line in self.lines[:: len(self.c)]]
        cells = [
            start | {"c": float(one)} for row in c for start, one in zip(starts, row, strict=True)
        ]
        return _sides(_computed(function, cells, progress=False)).reshape(c.shape)

    def columns(self) -> Columns:
        """Return a column for each entry of the table, with a row for each run."""
        rates = [line.cell["c"] / line.result["first_eigenvalue"] for line in self.lines]
        columns: dict[str, list[Any]] = {"c": [line.cell["c"] for line in self.lines]}
        columns |= {"learning_rate": rates, "seed": [line.cell["seed"] for line in self.lines]}
        names = [name for name in COLUMNS if name in self.lines[0].result]
        return columns | {name: [line.result[name] for line in self.lines] for name in names}

    def strip(self) -> str:
        """Return the phases as text: a line for each start, a letter for each learning rate."""
        lines = []
        for phases in self.phases:
            runs = [(name, [*c]) for name, c in self._ranges(phases)]
            letters = " ".join(LETTERS[name] * len(c) for name, c in runs)
            lines.append(f"{letters}   {', '.join(_range(name, c) for name, c in runs)}")
        return "\n".join(lines)

    def _ranges(self, phases: Phases) -> Any:
        named = zip(phases.names, self.c, strict=True)
        for name, group in groupby(named, key=lambda pair: pair[0]):
            yield str(name), [float(c) for _, c in group]

    def __repr__(self) -> str:
        """Return model, size, curvature, and the ranges of the phases."""
        starts, rates = self.phases.shape
        return (
            f"Study of {self.model}, {counted(self.samples, 'sample')}, {self.steps} steps\n"
            f"  {counted(rates, 'learning rate')}, {counted(starts, 'start')}\n"
            f"  {self.threshold()}\n  " + self.strip().replace("\n", "\n  ")
        )

    def threshold(self) -> str:
        """Return lambda_0 and the learning rate 2 / lambda_0 in words, the means over starts."""
        top = self.lambda_0
        return f"lambda_0 = {top.mean():.4g}, 2 / lambda_0 = {(2 / top).mean():.4g}"

    def _repr_html_(self) -> str:
        """Return a table with a row for each run."""
        return html_table(self.columns(), f"{self.model}, {self.threshold()}")

    def to_frame(self) -> pandas.DataFrame:
        """Return a pandas DataFrame with a row for each run."""
        return data_frame(self.columns())

    def plot(self, name: str = "curvature", *, ax: Axes | None = None) -> Axes:
        """Draw a quantity against the learning rate, as :func:`catapult_sim.plots.plot_scan`.

        Parameters
        ----------
        name : {"peak", "loss", "curvature", "accuracy"}
            The largest and the last loss over that at the start, the last curvature over
            lambda_0, and the accuracy on samples that were held out.
        ax : matplotlib Axes, optional
            By default those of a new figure, ``.figure`` of what is returned.
        """
        from catapult_sim import plots

        require_one_of("name", name, self.quantities)
        return plots.plot_scan(self.rows, name, ax=ax)

    def figure(self) -> Figure:
        """Return a figure of all quantities, with the phases beneath."""
        from catapult_sim import plots

        title = f"{self.model}; {self.samples} samples; at most {self.steps} steps"
        return plots.scan(self.rows, self.quantities, title)


def _sides(lines: Sequence[Line]) -> npt.NDArray[Any]:
    return np.array([SIDES[line.result["phase"]] for line in lines])


def _range(name: str, c: Sequence[float]) -> str:
    return f"{name} at c = {c[0]:.3g}" + (f" to {c[-1]:.3g}" if len(c) > 1 else "")


def study(
    model: Any,
    X: npt.ArrayLike | None = None,
    y: npt.ArrayLike | None = None,
    *,
    c: npt.ArrayLike | None = None,
    learning_rate: npt.ArrayLike | None = None,
    steps: int = 300,
    theta: npt.ArrayLike | None = None,
    members: int = 1,
    seed: int = 0,
    held_out: Samples | None = None,
    optimizer: AnyOptimizer = GradientDescent(),
    batch_size: int | None = None,
    executor: Executor | None = None,
    record: str | Path | None = None,
    progress: Progress | bool | None = None,
) -> Study:
    """Train a model at many learning rates, and tell what each of them does.

    The learning rates are those given, or ``c / lambda_0``, with lambda_0 the top eigenvalue of the
    tangent kernel at each start. A run ends when its loss is 1e-4 of its start; it has converged
    where the loss has fallen to 0.1 of it, since networks need long to fit to the thousandth for
    which :func:`catapult_sim.classify` asks by default. Then the largest and the last loss, the
    curvature where it ended, and the accuracy on held-out samples are measured.

    Parameters
    ----------
    model : Network, such as an MLP, TaylorModel, LinearNet, or an object of your own
        With the methods ``loss``, ``gradient``, ``hessian_product`` and ``kernel_product``, such as
        a network of PyTorch or JAX, see :mod:`catapult_sim.mlp.own_model`.
    X, y : array_like, shape (m, d) and (m,) or (m, k)
        Samples to train on, in the shapes that the model takes. A LinearNet has its own.
    c : array_like, shape (K,), optional
        Learning rates times lambda_0; by default 11 from 0.5 to 16.
    learning_rate : array_like, shape (K,), optional
        Learning rates as they are, in place of ``c``. Only of a single start: lambda_0, and with it
        the c of a learning rate, differs between starts.
    steps : int
        Updates of a run, at most.
    theta : array_like, shape (P,) or (S, P), optional
        The start or starts. By default they are drawn by ``model.init(rng=seed)``.
    members, seed : int
        How many starts are drawn, and the seed of the first; the next have the next seeds.
    held_out : (array_like, array_like), optional
        Samples ``X, y`` on which accuracy is measured.
    optimizer : Optimizer or Wrapper
        Such as ``HeavyBall(0.9)``.
    batch_size : int, optional
        Train on minibatches of so many samples, reshuffled every epoch.
    executor, record, progress
        As those of :func:`catapult_sim.sweep`: workers, a file from which the same call continues
        after an interruption, and whether a bar is shown.

    Returns
    -------
    Study

    Raises
    ------
    InputError
        Where the model lacks a method, its gradient or products are not those of its loss, the
        samples do not fit it, an argument is out of range, or a run cannot be computed.

    Examples
    --------
    >>> import catapult_sim as cs
    >>> X, y = cs.datasets.subset(*cs.datasets.digits(), 32, rng=0)
    >>> net = cs.MLP([64, 256, 1], activation="linear")
    >>> cs.study(net, X, y, c=[1.0, 1.5, 3.0, 8.0], steps=200)
    Study of MLP([64, 256, 1], activation='linear'), 32 samples, 200 steps
      4 learning rates, 1 start
      lambda_0 = 0.3203, 2 / lambda_0 = 6.244
      LL C D   lazy at c = 1 to 1.5, catapult at c = 3, divergent at c = 8
    """
    function = study_cells(
        model,
        X,
        y,
        theta=theta,
        members=members,
        seed=seed,
        optimizer=optimizer,
        held_out=held_out,
    )
    return conducted(
        function,
        _asked(c, learning_rate, function.networks.lambda_0),
        steps,
        batch_size,
        executor=executor,
        record=record,
        progress=progress,
    )


def _asked(
    c: npt.ArrayLike | None, learning_rate: npt.ArrayLike | None, lambda_0: Array
) -> npt.ArrayLike:
    """Return learning rates times lambda_0, which may be given by either."""
    if learning_rate is None:
        return RATES if c is None else c
    if c is not None:
        raise InputError("learning rates must be given by c or by learning_rate; got both")
    if len(lambda_0) > 1:
        raise InputError(f"learning_rate must be of one start; got {len(lambda_0)}: take c")
    return require_positive("learning_rate", learning_rate) * lambda_0[0]


def conducted(
    function: StudyCells,
    c: npt.ArrayLike,
    steps: int,
    batch_size: int | None = None,
    **how: Any,
) -> Study:
    """Return the study of starts that were drawn; options are those of a sweep."""
    rates = np.unique(require_positive("c", c)).tolist()
    if not rates:
        raise InputError("c must hold at least one learning rate; got none")
    samples = len(function.networks.X)
    if batch_size is not None:
        require_count("batch_size", batch_size, 1, samples)
    runs = len(rates) * len(function.networks.start)
    require_memory(runs * CELL_BYTES, None, f"a study of {runs} runs", "c or members")
    cells = function.cells(rates, require_count("steps", steps, 1), batch_size)
    lines = _computed(function, cells, **how)
    return Study(repr(function.networks.model), samples, steps, tuple(lines), function)


def _computed(function: StudyCells, cells: Sequence[Cell], **how: Any) -> list[Line]:
    """Return the line of each cell, or raise InputError with the last line of a traceback."""
    found = settled(sweep(function, cells, **how).lines)
    lines = [found[one.key] for one in identify_all(cells, function.physics)]
    for line in lines:
        if line.error is not None:
            reason = line.error.strip().splitlines()[-1]
            raise InputError(
                f"the model must be computable at every c; at c = {line.cell['c']:g} a run ended "
                f"with {reason}"
            )
    return lines
