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
# # Lesson 2. Lazy, and infinitely wide
#
# *45 minutes: 5 to predict, 10 for the lazy runs, 15 for the wide ones, 15 for the exercises.*
#
# In lesson 1 the bowl did not move. In a network it may: the tangent kernel depends on the weights.
# The simplest network whose kernel moves has two layers and no activation,
#
# $$ f(x) = \frac{1}{\sqrt n}\, v^T U x , $$
#
# with $n$ hidden units. What it can represent is as simple as can be. How it learns is not.
#
# > **Predict first.** Train networks of width $n = 10, 100, \dots, 10^6$ at $c = \eta\lambda_0 =
# > 1$. By how much does λ move during training, when $n$ grows tenfold: as much as before, a third
# > as much, a tenth as much? And at $c = 3$, beyond the cliff of lesson 1: what does a network of
# > width $10^6$ do that one of infinite width does not?

# %%
# %matplotlib inline
import numpy as np

import catapult_sim as cs
from catapult_sim.plots.canvas import panels

# %% [markdown]
# ## How far λ moves
#
# `cs.LinearNet` never stores the weights. It follows their inner products, exactly, so that a width
# of $10^{12}$, or infinity, costs as much as one of 10 (lesson 3 shows how). The data are 64
# handwritten digits, odd against even.

# %%
X, y = cs.datasets.subset(*cs.datasets.digits(inputs="global"), 64, rng=0)
X = X / 8  # the square root of 64 inputs, so that outputs are of order one
widths = [10, 100, 1_000, 10_000, 100_000, 1_000_000, float("inf")]


def trained(width, c, steps):
    """Train eight networks of one width; return the run and eta * lambda at start and end."""
    net = cs.LinearNet(X, y, width=width)
    state = net.init(rng=0, ensemble=(8,))
    start = net.top_eigenvalue(state)
    run = net.train(learning_rate=c / start, steps=steps, state=state)
    return run, c * np.ones(8), c * net.top_eigenvalue(run.state) / start


moved = {}
for width in widths:
    run, before, after = trained(width, c=1.0, steps=100)
    moved[width] = np.mean(np.abs(after / before - 1))
    print(f"n = {width:<10} lambda moves by {100 * moved[width]:.2g} %")

# %%
finite = widths[:-1]
figure, ax = panels(size=(6.4, 4.0))
ax.loglog(finite, [moved[width] for width in finite], "o-", ms=5)
ax.loglog(finite, moved[1000] * 1000 / np.array(finite), "k--", lw=1, label="1 / n")
ax.set(xlabel="width n", ylabel="relative change of λ")
ax.set_title("c = 1: the wider the network, the less its kernel moves")
ax.legend()
figure.savefig("lesson_2_lazy.png")
figure

# %% [markdown]
# λ moves by an amount proportional to $1/n$. A wide network is a bowl that stands still: it is
# *lazy*. At infinite width the kernel does not move at all, and training is linear regression.
#
# ## Beyond 2, at several widths
#
# > **Predict.** At $c = 3$ a bowl that stands still throws everything out. Draw the loss against
# > the step for $n = 100$, $10^4$, $10^6$ and infinity, on a logarithmic axis.

# %%
figure, (left, right) = panels(1, 2, size=(10, 3.8))
peaks, ends = {}, {}
for width in (100, 10_000, 1_000_000, float("inf")):
    net = cs.LinearNet(X, y, width=width)
    state = net.init(rng=3)
    eta = 3.0 / net.top_eigenvalue(state)
    run = net.train(
        learning_rate=eta,
        steps=60,
        state=state,
        observe={"curvature": net.top_eigenvalue},
        escape=1e12,
    )
    loss, curvature = run.values["loss"], eta * run.values["curvature"]
    peaks[width], ends[width] = np.nanmax(loss), curvature[np.isfinite(curvature)][-1]
    look = {"label": f"n = {width:g}", "lw": 1.5}
    left.semilogy(run.step, loss, **look)
    right.plot(run.step, curvature, **look)
left.set(xlabel="step", ylabel="loss", ylim=(1e-6, 1e13))
right.axhline(2, color="black", ls=":", lw=1)
right.set(xlabel="step", ylabel="curvature  η λ", ylim=(0, 3.2))
left.legend()
figure.savefig("lesson_2_beyond.png")
figure

# %% [markdown]
# All four begin alike: soon the loss is multiplied by $(1 - c)^2 = 4$ at each step. Every finite
# network comes back. It does so when the loss is of the order of $n$, however large $n$ is, and
# while it is large λ falls below $2/\eta$. This is the *catapult* [Lewkowycz et al. 2020]. Only
# infinite width never comes back, because there the curvature is not allowed to move.
#
# So infinite width is not the limit of very wide networks here. For every finite $n$, however
# large, training converges; for $n = \infty$ it diverges. What grows with $n$ is the peak of the
# loss, in proportion, and the time that it takes, which is only $\ln n / (2 \ln (c - 1))$ steps.
#
# ## Exercise with a pencil
#
# On one sample with label zero the exact rules are
#
# $$ f_{t+1} = f_t\,(1 - \eta\lambda_t + \eta^2 f_t^2/n), \qquad
#    \lambda_{t+1} = \lambda_t + \frac{\eta f_t^2}{n}\,(\eta\lambda_t - 4) . $$
#
# Take a lazy run, $c = \eta\lambda_0 < 2$, at large $n$. To leading order λ stands still in the
# brackets. Sum up all changes of λ.
#
# <details><summary>Solution</summary>
#
# To leading order $f_t = (1 - c)^t f_0$, and $\sum_t (1 - c)^{2t} = 1/(1 - (1 - c)^2) = 1/(c(2 -
# c))$. So
#
# $$ \lambda_\infty - \lambda_0 = \frac{\eta (c - 4)}{n}\,\frac{f_0^2}{c(2 - c)}
#    = -\frac{f_0^2}{n \lambda_0}\,\frac{4 - c}{2 - c} . $$
#
# It is negative, proportional to $1/n$, and it grows without bound where $c$ approaches 2: there
# lazy training ends.
#
# </details>
#
# ## Exercise in code
#
# Check your formula with `cs.symbolic.linear_net.sample_map()` and `cs.iterate`, for $n = 10^6$,
# $f_0 = 1$, $\lambda_0 = 1$ and six values of $c$ from 0.25 to 1.75.
#
# <details><summary>Hint</summary>
#
# `cs.iterate(rule, [f_0, lambda_0], learning_rate=c, n=1e6, steps=500)` takes an array of learning
# rates; the last $(f, \lambda)$ of each run are the rows of `run.state`.
#
# </details>
#
# The solution is in the next cell.

# %% tags=["hide-input", "solution"] jupyter={"source_hidden": true}
c = np.linspace(0.25, 1.75, 6)
n = 1e6
run = cs.iterate(cs.symbolic.linear_net.sample_map(), [1.0, 1.0], learning_rate=c, n=n, steps=500)
measured = run.state[:, 1] - 1
predicted = -(4 - c) / (2 - c) / n
for row in zip(c, measured, predicted, strict=True):
    print("c = {:.2f}   measured {:.4e}   predicted {:.4e}".format(*row))

# %% [markdown]
# ## What you have learnt
#
# Below $c = 2$ the kernel of a wide network stands still, up to $1/n$. Above it, width decides only
# how high the loss climbs before the curvature gives way.

# %%
slope = np.polyfit(np.log(finite[2:]), np.log([moved[width] for width in finite[2:]]), 1)[0]
assert abs(slope + 1) < 0.1
assert moved[float("inf")] == 0
assert all(ends[width] < 2 for width in (100, 10_000, 1_000_000)) and ends[float("inf")] == 3
assert 10 < peaks[1_000_000] / peaks[10_000] < 1000
np.testing.assert_allclose(measured, predicted, rtol=1e-3)
