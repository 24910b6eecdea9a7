"""Build the document: one HTML file with its style, its scripts, its rules and its digits."""

from __future__ import annotations

import json
import os
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from catapult_sim import __version__
from catapult_sim.numeric.runs.checkpoint import write_whole
from catapult_sim.page import colours, rules
from catapult_sim.page.bundle import bundle
from catapult_sim.validation import InputError, require_instance, shown

TRAINED, HELD_OUT = 64, 192  # handwritten digits that the network of the page is given
SCENES = {
    "1": "One weight",
    "2": "Two weights",
    "3": "The arch",
    "4": "Width",
    "5": "All runs",
    "6": "A real network",
    "7": "Beyond",
}


def build() -> str:
    """Return the page: one HTML document that loads nothing.

    Its update rules and formulas are generated from the derivations. The same version of the
    package always returns the same page.

    Examples
    --------
    >>> page = build()
    >>> page.startswith("<!doctype html>"), len(page.encode()) < 300_000
    (True, True)
    """
    loader = FunctionLoader(_text)
    engine = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, loader=loader
    )
    shared, main, worker = bundle(scripts(), "main.js", "worker.js")
    data = {"ramp": colours.final_curvature_ramp(), "digits": digits()}
    return engine.get_template("page.html").render(
        version=__version__,
        style=_text("page.css"),
        colours=colours.css_colours(),
        math=rules.mathml(),
        plain=rules.mathml(ids=False),
        derivations=rules.derivations(),
        recorded=rules.STEP_BY_STEP,
        scenes=SCENES,
        data=json.dumps(data, sort_keys=True),
        shared=shared,
        main=main,
        worker=worker,
    )


def write(path: str | os.PathLike[str]) -> Path:
    """Write the page to a file, whole or not at all, and return its path.

    Parameters
    ----------
    path : path
        Its folder must exist. A file of this name is replaced.

    Raises
    ------
    InputError
        If the path is none, is a folder, or is in one that does not exist.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(f"{folder}/catapult.html").name
    'catapult.html'
    """
    require_instance("path", path, str | os.PathLike, "a path")
    target = Path(path)
    if os.path.isdir(target) or not os.path.isdir(target.parent) or "\0" in target.name:
        raise InputError(f"path must be a file in a folder that exists; got {shown(str(path))}")
    write_whole(target, build().encode())
    return target


@cache
def scripts() -> dict[str, str]:
    """Return the sources of all JavaScript modules by path, the generated ``rules.js`` included."""
    folder = files("catapult_sim.page").joinpath("js")
    found = {"rules.js": rules.javascript()}
    for prefix, place in (("", folder), ("scenes/", folder.joinpath("scenes"))):
        modules = [file for file in place.iterdir() if file.name.endswith(".js")]
        found |= {prefix + file.name: file.read_text("utf-8") for file in modules}
    return found


def _text(name: str) -> str:
    return files("catapult_sim.page").joinpath(name).read_text("utf-8")


def digits() -> dict[str, object]:
    """Return the pixels of the digits, row by row, their labels, and how the pixels are scaled.

    The images of scikit-learn's set that ``datasets.subset(..., rng=0)`` draws: those to train on,
    then those that are held out. They are in a file: so the page needs no extra to be built.

    Returns
    -------
    dict
        ``pixels``: a letter for each, "a" is 0 and "q" is 16; ``labels``: a digit for each image;
        ``mean`` and ``deviation`` of all pixels of the whole set, between 0 and 16; ``trained``:
        the number of images to train on.

    Examples
    --------
    >>> found = digits()
    >>> len(found["pixels"]) == 64 * len(found["labels"])
    True
    """
    labels, pixels, mean, deviation = (
        files("catapult_sim.page").joinpath("digits.txt").read_text("ascii").split()
    )
    return {
        "labels": labels,
        "pixels": pixels,
        "mean": float(mean),
        "deviation": float(deviation),
        "trained": TRAINED,
    }
