# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Lesson 6. What SGD really follows
#
# *45 minutes: 5 to predict, 15 for the modified loss, 10 for the slope test, 15 for the exercises.*
#
# With small learning rates gradient descent follows the gradient flow, $\dot w = -\nabla C$.
# Nearly. What it misses is of the order of the step size ε, and it is not noise: it is a force of
# its own. With mini-batches this force depends on how much the batches disagree [Smith et al.
# 2021].
#
# The model of this lesson has two weights and two batches. The output is $x y$; one batch wants it
# to be 0, the other one 2:
#
# $$ C_1 = \frac{(xy)^2}{2}, \qquad C_2 = \frac{(xy - 2)^2}{2}, \qquad
#    C = \frac{C_1 + C_2}{2} = \frac{(xy - 1)^2}{2} + \frac12 . $$
#
# The minima of $C$ are a whole curve, $xy = 1$, and all of them are equally good.
#
# > **Predict first.** Start on this curve at $x = 3$, $y = 1/3$. (a) Where does full-batch gradient
# > descent go? (b) Where does SGD go, which visits the two batches in random order?

# %%
# %matplotlib inline
import numpy as np
import sympy as sp

import catapult_sim as cs
from catapult_sim.plots.canvas import panels

x, y, eps = sp.symbols("x y epsilon", real=True)
batches = [(x * y) ** 2 / 2, (x * y - 2) ** 2 / 2]

# %% [markdown]
# ## Run it


# %%
def gradients(weights):
    """Gradients of both batches, at weights of shape (..., 2)."""
    x, y = weights[..., 0], weights[..., 1]
    return np.stack([np.stack([(x * y - k) * y, (x * y - k) * x], -1) for k in (0, 2)], -2)


def sgd(start, h, epochs, rng, runs=50):
    """Shuffled SGD, many runs at once; return the weights after each epoch."""
    weights, path = np.tile(start, (runs, 1)), []
    for _ in range(epochs):
        first = rng.integers(2, size=runs)
        for batch in (first, 1 - first):
            weights = weights - h * gradients(weights)[np.arange(runs), batch]
        path.append(weights)
    return np.array(path)


start, h, epochs = np.array([3.0, 1 / 3]), 0.03, 2000
path = sgd(start, h, epochs, np.random.default_rng(0))
mean = path.mean(axis=1)

full = start.copy()
for _ in range(2 * epochs):
    full = full - h * gradients(full).mean(axis=-2)
print("full batch ends at", full.round(3), "   SGD ends at", mean[-1].round(3))

# %% [markdown]
# The full batch stays where it is: the gradient of $C$ is zero there. SGD drifts along the valley
# to its flattest place, $x = y = 1$, although nothing in $C$ tells it to.
#
# ## The modified loss
#
# Backward error analysis asks: which *other* loss has a gradient flow that passes through the
# points of SGD? The package derives it. To first order in ε it is
#
# $$ \tilde C = C + \frac{\varepsilon}{4}\,\frac{1}{m} \sum_k |\nabla C_k|^2 . $$

# %%
modified = cs.modified_loss(batches, [x, y], eps)
along_the_valley = sp.simplify(modified.subs(y, 1 / x))
along_the_valley

# %% [markdown]
# Along the valley the first part is constant, and the second one, $(x^2 + 1/x^2)\,\varepsilon/4$,
# is smallest at $x = 1$. *SGD prefers places where the gradients of the batches are small*, and
# these are flat. The flow of the modified loss should then follow SGD. Does it?

# %%
field = cs.modified_field(batches, [x, y], eps)
drift = sp.lambdify([x, y], [component.subs(eps, h) for component in field.total()])
times = 2 * h * np.arange(0, epochs + 1, 10)
flow = cs.flow(lambda w: np.array(drift(*w)), start, times)

figure, (left, right) = panels(1, 2, size=(10.5, 4.2))
grid = np.meshgrid(np.linspace(0.2, 3.2, 200), np.linspace(0.2, 1.8, 200))
left.contour(*grid, np.abs(grid[0] * grid[1] - 1), levels=8, cmap="Greys_r", linewidths=0.6)
left.plot(*path[:, 0].T, lw=0.5, color="tab:orange", label="one run of SGD")
left.plot(*flow.T, "k--", lw=1.5, label="flow of the modified loss")
left.plot(*start, "o", color="tab:blue", label="full batch stays here")
left.set(xlabel="x", ylabel="y")
left.legend()
right.plot(
    2 * h * np.arange(1, epochs + 1), mean[:, 0], color="tab:orange", lw=3, label="SGD, mean"
)
right.plot(times, flow[:, 0], "k--", lw=1.5, label="flow of the modified loss")
right.set(xlabel="time  ε × steps", ylabel="x")
right.legend()
figure.savefig("lesson_6_valley.png")
figure

# %% [markdown]
# It does, along the valley. In time the two differ a little, because the steps are not small
# against the steep direction at the start, where $\varepsilon\lambda = 0.3$. So how good is it?
#
# ## The slope test
#
# > **Predict.** Leave out the correction, and the flow misses SGD after one epoch by some error.
# > Halve ε. By which factor does the error fall, without the correction, with it, and with one
# > more?
#
# The mean over both orders of the batches is one epoch, exactly. The flow is truncated at order
# $p$. Theory: the error is proportional to $\varepsilon^{p+2}$.

# %%
to_second = cs.modified_field(batches, [x, y], eps, order=2)
place = np.array([0.7, 1.6])
sizes = 0.08 / 2 ** np.arange(0, 4, 0.5)


def one_epoch(weights, h):
    """The mean over both orders of the two batches."""
    ends = []
    for order in ((0, 1), (1, 0)):
        now = weights
        for batch in order:
            now = now - h * gradients(now)[batch]
        ends.append(now)
    return np.mean(ends, axis=0)


errors = {}
for p in (0, 1, 2):
    total = to_second.truncate(p).total()
    for h_now in sizes:
        numbers = sp.lambdify([x, y], [one.subs(eps, h_now) for one in total])
        end = cs.flow(lambda w, f=numbers: np.array(f(*w)), place, [0, 2 * h_now])[-1]
        gap = np.linalg.norm(end - one_epoch(place, h_now))
        errors.setdefault(p, []).append(gap)

slopes = {p: np.polyfit(np.log(sizes[-4:]), np.log(gaps[-4:]), 1)[0] for p, gaps in errors.items()}
figure, ax = panels(size=(6.0, 4.0))
for p, gaps in errors.items():
    ax.loglog(sizes, gaps, "o-", ms=4, label=f"order {p}: slope {slopes[p]:.2f}")
ax.set(xlabel="step size  ε", ylabel="error after one epoch")
ax.legend()
figure.savefig("lesson_6_slopes.png")
figure

# %% [markdown]
# Slopes 2, 3 and 4. Such a test is worth more than a picture in which two curves lie on one
# another: a wrong factor, 1/2 in place of 1/4, say, would still look fine, and would give slope 2.
#
# ## Exercise with a pencil
#
# Let $q = x^2 - y^2$.
#
# 1. Show that gradient flow on $C$ conserves $q$, and that a step on a batch with residual
#    $r = xy - k$ multiplies it by exactly $1 - \varepsilon^2 r^2$.
# 2. In the valley $r^2 = 1$ for both batches. How fast does $q$ decay in time $\varepsilon \times$
#    steps?
# 3. Compare with the modified loss. Which factor in place of $1/4$ would be wrong?
#
# <details><summary>Solution</summary>
#
# 1. $x' = x - \varepsilon r y$ and $y' = y - \varepsilon r x$, so $x'^2 - y'^2 = x^2 - y^2 +
#    \varepsilon^2 r^2 (y^2 - x^2)$; the terms of first order cancel. Gradient flow has these alone.
# 2. By $1 - \varepsilon^2$ in each step of duration ε: $q \propto e^{-\varepsilon t}$.
# 3. In the valley the penalty is $a\,\varepsilon (x^2 + y^2)$ with $a = 1/4$. Its flow has $\dot x
#    = -2 a \varepsilon x$ and $\dot y = -2 a\varepsilon y$, plus a force across the valley that
#    does not change $q$. So $\dot q = -4 a\varepsilon q$, which is $-\varepsilon q$ for $a = 1/4$
#    alone.
#
# </details>
#
# ## Exercise in code
#
# Measure the factor $a$ from runs of SGD alone, as an experiment would: start in the valley, follow
# the mean of $q$ over many runs, and fit an exponential, for three step sizes. What does $a$ tend
# to when the step size goes to zero? (Lay a straight line through the three.)
#
# The solution is in the next cell.

# %% tags=["hide-input", "solution"] jupyter={"source_hidden": true}
measured = {}
for h_now in (0.01, 0.02, 0.04):
    epochs_now = int(0.5 / h_now**2)
    paths = sgd(np.array([1.5, 1 / 1.5]), h_now, epochs_now, np.random.default_rng(1), runs=20)
    q = (paths[..., 0] ** 2 - paths[..., 1] ** 2).mean(axis=1)
    time = 2 * h_now * np.arange(1, epochs_now + 1)
    rate = -np.polyfit(time, np.log(q), 1)[0]
    measured[h_now] = rate / (4 * h_now)
    print(f"step size {h_now}:  a = {measured[h_now]:.4f}")
limit = np.polyfit(list(measured), list(measured.values()), 1)[1]
print(f"step size 0:     a = {limit:.4f}")

# %% [markdown]
# ## What you have learnt
#
# SGD follows the gradient flow of another loss, which penalises the squared gradients of its
# batches with the factor $\varepsilon/4$. Where minima are equally good, this decides between them.

# %%
np.testing.assert_allclose(full, start)
assert np.abs(mean[-1] - 1).max() < 0.2  # from a distance of 2
assert sp.simplify(along_the_valley - (sp.Rational(1, 2) + eps / 4 * (x**2 + 1 / x**2))) == 0
assert all(abs(slopes[p] - (p + 2)) < 0.1 for p in slopes)
assert abs(limit - 0.25) < 0.005
