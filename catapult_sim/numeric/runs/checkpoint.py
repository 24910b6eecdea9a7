"""Store a long run on disk, and continue it after an interruption, bit for bit.

The file holds all that the next step of each member depends on, the quantities observed so far,
and fingerprints of the arguments of the run. It is replaced as a whole, so that an interruption
never leaves half a file.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from catapult_sim.numeric.runs.trajectory import Outcome, Steps, Trajectory
from catapult_sim.validation import InputError, require_count, shown

VALUES = "values/"


@dataclass(frozen=True)
class Checkpoint:
    """The file in which a run is stored, and the number of steps between two writings.

    Raises
    ------
    InputError
        Where the number is not a positive integer.
    """

    path: str | Path
    every: int = 1000

    def __post_init__(self) -> None:
        require_count("every", self.every, 1)


def resumable(
    run_to: Callable[[int, Trajectory | None], Trajectory],
    steps: int,
    checkpoint: Checkpoint,
    measured: Steps,
    fingerprints: Callable[[int], Mapping[str, str]],
) -> Trajectory:
    """Run to ``steps``, from the stored step if there is one, and store the run on the way.

    Parameters
    ----------
    run_to : callable
        ``run_to(t, run)`` continues a run, or starts one where that is None, up to step t.
    steps : int
    checkpoint : Checkpoint
    measured : Steps
        The run is stored at these steps only, and at the last.
    fingerprints : callable
        Of all that the first t steps depend on, by name.

    Returns
    -------
    Trajectory

    Raises
    ------
    InputError
        Where ``checkpoint`` is of another type, the file is no checkpoint, that of another run, or
        beyond ``steps``, or where its folder does not exist.
    """
    if not isinstance(checkpoint, Checkpoint):
        raise InputError(f"checkpoint must be a Checkpoint of a file; got {shown(checkpoint)}")
    path = Path(checkpoint.path)
    if not os.path.isdir(path.parent):
        raise InputError(f"checkpoint must be a file in a folder that exists; got {path}")
    run = _load(path, steps, fingerprints) if os.path.exists(path) else None
    while run is None or (run.step[-1] < steps and (run.outcome == Outcome.RUNNING).any()):
        done = 0 if run is None else int(run.step[-1])
        apart = checkpoint.every
        following = measured.next_after(done - done % apart + apart - 1)
        run = run_to(int(min(following, steps)), run)
        _save(path, run, fingerprints(int(run.step[-1])))
    return run


def _save(path: Path, run: Trajectory, fingerprints: Mapping[str, str]) -> None:
    values = {VALUES + name: array for name, array in run.values.items()}
    others = {"state": run.state, "outcome": run.outcome, "stopped": run.stopped}
    with io.BytesIO() as file:
        np.savez(
            file, allow_pickle=False, asked=np.array(json.dumps(fingerprints)), **others, **values
        )
        write_whole(path, file.getvalue())


def _load(path: Path, steps: int, fingerprints: Callable[[int], Mapping[str, str]]) -> Trajectory:
    try:
        with np.load(io.BytesIO(path.read_bytes())) as file:
            held = dict(file)
        before = json.loads(str(held["asked"]))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
        raise InputError(f"checkpoint must be the file of a run; got {path}") from None
    values = {name[len(VALUES) :]: held[name] for name in held if name.startswith(VALUES)}
    step = np.arange(len(values["loss"]))
    if step[-1] > steps:
        raise InputError(
            f"checkpoint must not be beyond the {steps} steps; {path} is at step {step[-1]}"
        )
    for name, value in fingerprints(int(step[-1])).items():
        if before.get(name) != value:
            raise InputError(f"checkpoint must be of this run; {path} is of another {name}")
    return Trajectory(step, values, held["state"], held["outcome"], held["stopped"])


def fingerprint(values: npt.ArrayLike) -> str:
    """Return a hash of an array: of its type, shape and bits.

    Examples
    --------
    >>> fingerprint([1.0, 2.0]) == fingerprint(np.array([1.0, 2.0])) != fingerprint([2.0, 1.0])
    True
    """
    array = np.asarray(values)
    hashed = hashlib.blake2b(f"{array.dtype} {array.shape}".encode(), digest_size=16)
    hashed.update(np.ascontiguousarray(array).tobytes())
    return hashed.hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file through a temporary one, so that it is complete or unchanged.

    Links are followed, and devices and pipes, such as ``/dev/null``, are written to as they are.

    Raises
    ------
    OSError
        Where there is no room for it; the message names the file.
    """
    stream = os.path.exists(path) and not os.path.isfile(path)
    target = Path(os.path.realpath(path))
    half = target.with_name(f"{target.name}.part")
    try:
        if stream:
            path.write_bytes(content)
            return
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, target)
    except BaseException as error:
        with suppress(OSError):
            half.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, f"not written: {error.strerror}", str(path)) from error
        raise
