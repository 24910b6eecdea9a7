"""Run scripts of the gallery, those of ``figures/``: draw their figures into a folder."""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

from catapult_sim.commands.options import Help
from catapult_sim.commands.sweeping import make_folder
from catapult_sim.experiments.bench import EFFORTS, Bench
from catapult_sim.numeric.runs.blas_threads import one_thread
from catapult_sim.plots import canvas
from catapult_sim.validation import InputError


def run_script(
    main: Callable[..., Any], script: str, *, effort: str | None = None, dpi: int = 160
) -> None:
    """Draw the figure that ``main`` returns as PNG and SVG, into the folder of ``--out``.

    With an ``effort``, the default of ``--effort``, ``main`` is given the bench of measurements, on
    the data of ``--data``.
    The default folder is not that of the scripts: another version of Matplotlib draws other bytes
    than those kept there.
    """
    name = Path(script).name
    parser = argparse.ArgumentParser(
        prog=name, description=sys.modules[main.__module__].__doc__, formatter_class=Help
    )
    words = "folder of the figure"
    parser.add_argument("--out", type=Path, default=Path("gallery"), metavar="DIR", help=words)
    if effort:
        words = "how many networks are trained, and how large: quick or full"
        parser.add_argument("--effort", choices=EFFORTS, default=effort, help=words)
        words = "data that they learn: a file, or a name such as fashion-mnist (default: digits)"
        parser.add_argument("--data", metavar="FILE", help=words)
    options = parser.parse_args()
    try:
        folder = make_folder(options.out)
        given = (_bench(options.effort, options.data),) if effort else ()
    except InputError as refusal:
        parser.error(str(refusal))
    with one_thread(), canvas.house_style():  # the same bits on any number of cores
        figure = main(*given)
    canvas.save(figure, folder / name, dpi=dpi)
    print(folder / Path(name).with_suffix(".png"))


def run_scripts(scripts: Sequence[Path], *options: str, effort: str | None = None) -> str:
    """Run scripts in this process, where they share measurements; return what they printed.

    An effort is for those that take one.
    """
    told = StringIO()
    with redirect_stdout(told):
        for script in scripts:
            wanted = ("--effort", effort) if effort and "effort=" in script.read_text() else ()
            sys.argv = [str(script), *options, *wanted]
            runpy.run_path(str(script), run_name="__main__")
    return told.getvalue()


@cache
def _bench(effort: str, data: str | None) -> Bench:
    """Return the bench that scripts of one process share."""
    return Bench(effort=effort, data=data)
