"""What commands leave on disk: whole files, or none."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from catapult_sim import __version__
from catapult_sim.numeric.runs.checkpoint import write_whole
from catapult_sim.validation import InputError


def config(options: argparse.Namespace) -> dict[str, Any]:
    """Return what this run was asked to do, by which version."""
    inner = {"list", "print_completion", "run"}
    asked = {name: value for name, value in vars(options).items() if name not in inner}
    here = Path(__file__).parent
    commit = subprocess.run(
        ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "options": asked | {"out": str(options.out)},
        "version": __version__,
        "commit": commit.stdout.strip() or None,
        "command": sys.argv,
    }


def folder(path: Path) -> Path:
    """Make a folder that can be written to, or raise InputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"--out must be a folder; {path} is a file") from None
    except OSError as error:
        raise InputError(
            f"--out must be a folder that can be made: {path}: {error.strerror}"
        ) from None
    if not os.access(path, os.W_OK):
        raise InputError(f"--out must be a folder that can be written to; got {path}")
    return path


def as_json(content: Any) -> str:
    """Return the text of a JSON file."""
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def draw(figure: Any, path: Path, *, dpi: int = 200) -> None:
    """Write a figure as PNG and, the same bytes every time, as SVG."""
    from matplotlib import rc_context

    for suffix, metadata in ((".png", None), (".svg", {"Date": None})):
        with io.BytesIO() as picture, rc_context({"svg.hashsalt": path.stem}):
            figure.savefig(picture, format=suffix[1:], dpi=dpi, metadata=metadata)
            write_whole(path.with_suffix(suffix), picture.getvalue())
