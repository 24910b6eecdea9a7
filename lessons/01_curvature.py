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
# # Lesson 1. What λ is, and why 2/λ looks like a cliff
#
# *45 minutes: 5 to predict, 10 for the bowl, 15 for the network, 15 for the exercises.*
#
# Gradient descent replaces the weights $w$ by $w - \eta\,\nabla L(w)$. The number $\eta$ is the
# learning rate. Everybody knows that it must not be too large. This lesson says how large that is,
# first for a bowl that we draw, then for a neural network on real data.
#
# > **Predict first.** A ball lies in the bowl $L(w) = \lambda w^2 / 2$, at $w = 1$. You take
# > steps of gradient descent. Write down, in one word each, what happens at
# > $\eta = 0.5/\lambda$, $\;1/\lambda$, $\;1.9/\lambda$, $\;2/\lambda$ and $2.1/\lambda$.

# %%
# %matplotlib inline
import numpy as np
import sympy as sp

import catapult_sim as cs
from catapult_sim.plots.canvas import panels

# %% [markdown]
# ## A bowl
#
# The package derives the rule of gradient descent from any loss that you type.

# %%
w, lam = sp.symbols("w lambda", real=True)
rule = cs.Update.descent(lam * w**2 / 2, [w])
rule

# %% [markdown]
# So each step multiplies $w$ by $1 - \eta\lambda$. Only the product $c = \eta\lambda$ matters, and
# from now on learning rates are given as $c$. Compare the runs with your prediction.


# %%
def by_rate(c, run, settled=1e-3):
    """Arrange runs for `cs.plots.plot_runs`: by c, each with its phase and its losses."""
    words = cs.classify(run, settled=settled).names
    return {
        rate: {"phase": word, "loss": run.values["loss"][:, i]}
        for i, (rate, word) in enumerate(zip(c, words, strict=True))
    }


c = np.array([0.5, 1.0, 1.9, 2.0, 2.1])
run = cs.iterate(rule, [1.0], learning_rate=c, **{"lambda": 1.0}, steps=1500)
phases = cs.classify(run)
dict(zip(c, phases.names, strict=True))

# %%
ax = cs.plots.plot_runs(by_rate(c, run))
ax.set(xlabel="step", ylabel="loss", yscale="log", xlim=(0, 40), ylim=(1e-12, 1e4))
ax.set_title("a bowl: beyond c = 2 each step is thrown further out")
ax.legend()
ax.figure.savefig("lesson_1_bowl.png")
ax.figure

# %% [markdown]
# At $c = 1$ a single step lands on the minimum. Between 1 and 2 the ball jumps from side to side
# and still comes down. At exactly 2 it jumps for ever, and the package calls the run undecided.
# Beyond 2 each jump is longer than the one before.
#
# $$|1 - \eta\lambda| < 1 \quad\Longleftrightarrow\quad 0 < \eta < \frac{2}{\lambda}$$
#
# ## A network on digits
#
# Near its current weights a network $f$ is nearly linear in them. With the residual $r = f - y$ on
# $m$ samples and the Jacobian $J$ (how each output changes with each weight), one step does
#
# $$ r \;\to\; r - \eta K r, \qquad K = \tfrac{1}{m} J J^T .$$
#
# That is a bowl again, one for each eigenvector of the matrix $K$, the *neural tangent kernel*. The
# steepest has the largest eigenvalue, and this is the λ of all lessons. It is measured here on 64
# handwritten digits; the network tells odd ones from even ones.

# %%
X, y = cs.datasets.subset(*cs.datasets.digits(inputs="global"), 64, rng=0)
net = cs.MLP([64, 512, 1], activation="relu")
theta = net.init(rng=0)
see = cs.Observers(net, X, y)
lambda_0 = see.top_eigenvalue(theta)
print(f"{net.size} weights, lambda = {lambda_0:.3f}, so 2/lambda = {2 / lambda_0:.2f}")

# %% [markdown]
# > **Predict.** We train forty steps at many learning rates, and note the largest loss of each run
# > as a multiple of the loss at the start. Sketch this curve against $c = \eta\lambda$.

# %%
c_scan = np.linspace(0.5, 3.0, 26)
run = cs.train(net, theta, X, y, learning_rate=c_scan / lambda_0, steps=40)
largest = run.values["loss"].max(axis=0) / run.values["loss"][0]

figure, ax = panels(size=(6.4, 4.0))
ax.semilogy(c_scan, largest, "o-", ms=4)
ax.axvline(2, color="black", ls="--", lw=1)
ax.set(xlabel=cs.plots.AXES["c"], ylabel="largest loss / first loss")
ax.set_title("a ReLU network on 64 digits: the loss first rises near c = 2")
figure.savefig("lesson_1_network.png")
figure

# %% [markdown]
# The loss starts to rise just above $c = 2$, although nobody told the network. The kernel measured
# at the start was enough. Why *just above*? The steepest direction carries a small part of the loss
# only. Right above 2 it grows slowly, while all others fall, and for a while their sum goes down.
# (Whether training *fails* beyond 2 is another question, that of lessons 2 and 3.)
#
# ## Exercise with a pencil
#
# A bowl with two directions, $L = \lambda_1 w_1^2/2 + \lambda_2 w_2^2/2$ with
# $\lambda_1 > \lambda_2$.
#
# 1. Which of the two decides how large $\eta$ may be?
# 2. Which $\eta$ makes the slower of the two directions as fast as possible?
# 3. About how many steps does it take, at that rate, to divide the loss by 100?
#
# <details><summary>Solution</summary>
#
# 1. The steeper one: $\eta < 2/\lambda_1$.
# 2. The factors are $1 - \eta\lambda_1$ and $1 - \eta\lambda_2$. The slower direction is fastest
#    where they are opposite, $\eta\lambda_1 - 1 = 1 - \eta\lambda_2$, so
#    $\eta = 2/(\lambda_1 + \lambda_2)$.
# 3. Both factors have the size $q = (\kappa - 1)/(\kappa + 1)$ with $\kappa = \lambda_1/\lambda_2$.
#    The loss is multiplied by $q^2$ at each step, so $t = \ln 100 / (2 \ln (1/q))$, which is about
#    $1.15\,\kappa$ where $\kappa$ is large.
#
# </details>
#
# ## Exercise in code
#
# Is 2 a property of this one network, or of all? Draw four networks with
# `net.init(rng=1, ensemble=(4,))`, and find for each the $c$ at which its loss first rises within
# forty steps. Give the mean and its standard error. (`cs.boundary` searches; it wants a function
# that returns +1 where the loss has risen and −1 where it has not.)
#
# <details><summary>Hint</summary>
#
# `cs.boundary(side_at, 1, 4, members=4)` calls `side_at` with values of $c$ of shape `(K, 4)`, one
# column for each network. `cs.train` takes learning rates of this shape together with weights of
# shape `(4, P)`, and `cs.numeric.runs.phases.rise(run)` is the function that is wanted.
#
# </details>
#
# The solution is in the next cell.

# %% tags=["hide-input", "solution"] jupyter={"source_hidden": true}
thetas = net.init(rng=1, ensemble=(4,))
lambdas = see.top_eigenvalue(thetas)


def side_at(c):
    run = cs.train(net, thetas, X, y, learning_rate=c / lambdas, steps=40)
    return cs.numeric.runs.phases.rise(run)


found = cs.boundary(side_at, 1.0, 4.0, members=4, grid=8, tolerance=0.02)
print("the loss first rises at c =", found.measured)

# %% [markdown]
# ## What you have learnt
#
# In a bowl of curvature λ gradient descent converges up to $\eta = 2/\lambda$, and a network near
# its start is such a bowl, with λ the largest eigenvalue of the tangent kernel.

# %%
assert phases.names.tolist() == ["lazy", "lazy", "lazy", "undecided", "divergent"]
assert largest[c_scan < 1.9].max() == 1 and largest[c_scan > 2.3].min() > 1
assert 1.95 < found.measured.value < 2.3  # a little above 2 at finite width, never below
