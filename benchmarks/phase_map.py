"""Time one million cells of the phase map against JAX and a tuned C loop.

All classify the same 1000 x 1000 cells in at most 1000 steps, in double precision, labels
included. Ours and the C loop also return steps, peak loss and final curvature. They
take turns within one process, and medians are printed as ratios: of seconds only
the ratio means something. C and ours use one thread; JAX uses as many as it likes, and
carries all cells to the last step while one of them is undecided. The few cells whose
class differs are chaotic: C and JAX round otherwise, for they fuse products and sums.

    python benchmarks/phase_map.py [--repeats 9]
"""

import ctypes
import subprocess
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
from side_by_side import options, race

from catapult_sim import Phase
from catapult_sim.numeric.maps import phase_map as ours
from catapult_sim.numeric.maps import phase_map_numba, phase_map_numpy
from catapult_sim.numeric.maps.phase_rules import one_sample
from catapult_sim.symbolic.linear_net import residual_map

STEPS, SETTLED = 1000, 1e-3
F0, LAM0 = (
    array.copy()
    for array in np.broadcast_arrays(
        np.geomspace(1e-6, 1.0, 1000)[:, None], np.linspace(0.005, 5, 1000)
    )
)
Y = np.zeros_like(F0)

# The compiler vectorises the inner loop over a block of cells. A cell that has ended is replaced
# by the next one, so that the vectors stay full.
C_SOURCE = r"""
#include <math.h>
enum { LANES = 64, BURST = 8 };

void run(long cells, const double *F0, const double *Lam0, const double *Y0, long steps,
         double level, signed char *phase, int *taken, double *peak_loss, double *curvature)
{
    double D[LANES], Lam[LANES], Y[LANES], low[LANES], start[LANES], peak[LANES], above[LANES];
    long cell[LANES], age[LANES], next = 0, running;
    for (int i = 0; i < LANES; i++) {
        D[i] = Lam[i] = Y[i] = low[i] = start[i] = peak[i] = above[i] = 0;
        cell[i] = -1; age[i] = 0;
    }
    do {
        running = 0;
        for (int i = 0; i < LANES; i++) {
            double size = fabs(D[i]);
            int left = !isfinite(D[i]);
            int down = size <= low[i] && (Lam[i] + 2 * size < 2 || size == 0);
            if (cell[i] >= 0 && (left || down || age[i] >= steps)) {
                long c = cell[i];
                phase[c] = left ? 3 : !down ? 0 : peak[i] > start[i] ? 2 : 1;
                taken[c] = left || down ? (int)above[i] : (int)age[i];
                peak_loss[c] = left ? INFINITY : peak[i] * peak[i] / 2;
                curvature[c] = left ? INFINITY : Lam[i];
                cell[i] = -1; D[i] = Lam[i] = Y[i] = 0;
            }
            if (cell[i] < 0 && next < cells) {
                D[i] = F0[next] - Y0[next]; Lam[i] = Lam0[next]; Y[i] = Y0[next];
                start[i] = peak[i] = fabs(D[i]); low[i] = level * start[i];
                age[i] = above[i] = 0; cell[i] = next++;
            }
            running += cell[i] >= 0;
        }
        for (int t = 0; t < BURST; t++)
            for (int i = 0; i < LANES; i++) {
                double d = D[i], l = Lam[i], f = d + Y[i], size = fabs(d);
                peak[i] = size > peak[i] ? size : peak[i];
                above[i] += size > low[i] ? 1.0 : 0.0;
                D[i] = d * (d * f - l + 1);
                Lam[i] = d * (d * l - 4 * f) + l;
            }
        for (int i = 0; i < LANES; i++) age[i] += BURST;
    } while (running);
}
"""
C_FLAGS = ["-O3", "-march=native", "-fno-trapping-math", "-fno-math-errno", "-shared", "-fPIC"]


def phases(voice):
    """Run our phase map in one of its loops, NumPy's or numba's."""
    with patch.object(ours, "_voice", lambda model, work: voice(model)):
        cells = {"D": F0 - Y, "Lam": LAM0, "Y": Y}
        return ours.phase_map(residual_map(), **cells, steps=STEPS, settled=SETTLED).phase


def with_numpy():
    return phases(phase_map_numpy.in_place)


def with_numba():
    return phases(phase_map_numba.compiled)


def c_loop():
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "loop.c"), Path(folder, "loop.so")
        source.write_text(C_SOURCE)
        subprocess.run(["gcc", *C_FLAGS, source, "-o", library, "-lm"], check=True)
        function = ctypes.CDLL(str(library)).run
    kinds = (float, float, float, np.int8, np.int32, float, float)
    arrays = [np.ctypeslib.ndpointer(kind, flags="C") for kind in kinds]
    sizes = [ctypes.c_long, *arrays[:3], ctypes.c_long, ctypes.c_double]
    function.argtypes, function.restype = [*sizes, *arrays[3:]], None

    def run():
        phase, taken, peak, curvature = (np.empty(F0.shape, kind) for kind in kinds[3:])
        level = np.sqrt(SETTLED)
        function(F0.size, F0, LAM0, Y, STEPS, level, phase, taken, peak, curvature)
        return phase

    return run


def jax_while_loop():
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp

    F, Lam, label = (jnp.asarray(array) for array in (F0, LAM0, Y))
    start = jnp.abs(F - label)
    low = np.sqrt(SETTLED) * start

    def down(state):
        D, Lam, _, _ = state
        return (jnp.abs(D) <= low) & ((Lam + 2 * jnp.abs(D) < 2) | (D == 0))

    def going(state):
        return (jnp.isfinite(state[0]) & ~down(state)).any() & (state[3] < STEPS)

    def step(state):
        D, Lam, peak, t = state
        F = D + label
        following = D * (D * F - Lam + 1), D * (D * Lam - 4 * F) + Lam
        return *following, jnp.maximum(peak, jnp.abs(D)), t + 1

    @jax.jit
    def classify(F, Lam):
        state = jax.lax.while_loop(going, step, (F - label, Lam, start, 0))
        left = ~jnp.isfinite(state[0])
        fell = jnp.where(state[2] > start, Phase.CATAPULT, Phase.LAZY)
        return jnp.where(left, Phase.DIVERGENT, jnp.where(down(state), fell, Phase.UNDECIDED))

    return lambda: np.asarray(classify(F, Lam).block_until_ready())


def contestants():
    """Return the contestants that can run here; print why the others cannot."""
    makers = {
        "NumPy alone": lambda: with_numpy,
        "with numba": lambda: phase_map_numba.compiled(one_sample()) and with_numba,
        "C loop": c_loop,
        "JAX while_loop": jax_while_loop,
    }
    present = {}
    for name, make in makers.items():
        try:
            present[name] = make()
        except (ImportError, OSError, subprocess.CalledProcessError) as absent:
            print(f"{name} is skipped: {absent}")
    return present


def main():
    repeats = options(__doc__, repeats=9).repeats
    runs = contestants()
    # The first call of each compiles.
    phases = {name: run() for name, run in runs.items()}
    race(f"phase map of {F0.size} cells, at most {STEPS} steps", runs, repeats)
    for name, found in phases.items():
        print(f"  {name}: {np.count_nonzero(found != phases['NumPy alone'])} cells differ")


if __name__ == "__main__":
    main()
