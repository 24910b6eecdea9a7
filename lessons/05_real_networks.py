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
# # Lesson 5. Real networks: measure, with an error bar, and disagree
#
# *45 minutes: 5 to predict, 10 for one network, 15 for the measurement, 15 for the exercises.*
#
# Lessons 3 and 4 solved a linear network: its catapults end at $c = \eta\lambda_0 = 4$. Nobody has
# solved a network with an activation. The paper that discovered the catapult says of ReLU networks
# that convergence ends at "about 12" [Lewkowycz et al. 2020]. We measure it, on data of our own.
#
# > **Predict first.** A ReLU network with two hidden layers on 128 handwritten digits. Write down
# > the $c$ at which you think training stops to converge, and how much it differs from one random
# > start to the next.

# %%
# %matplotlib inline
import numpy as np

import catapult_sim as cs
from catapult_sim.plots.canvas import panels

# %% [markdown]
# ## One network
#
# Odd digits against even ones, one output. All pixels are scaled by the same mean and the same
# variance.

# %%
digits = cs.datasets.digits(inputs="global")
X, y = cs.datasets.subset(*digits, 128, rng=0)
net = cs.MLP([64, 128, 128, 1], activation="relu")
theta = net.init(rng=0)
see = cs.Observers(net, X, y)
lambda_0 = see.top_eigenvalue(theta)

c = np.array([1.0, 4.0, 8.0])
run = cs.train(
    net,
    theta,
    X,
    y,
    learning_rate=c / lambda_0,
    steps=60,
    observe={"curvature": see.top_eigenvalue},
    every=2,
)
words = cs.classify(run, settled=0.5).names
curvature = c / lambda_0 * run.values["curvature"]
seen = np.isfinite(curvature[:, 0])  # it was measured at every other step

figure, (left, right) = panels(1, 2, size=(10.5, 4.0))
by_c = {
    rate: {"phase": word, "loss": run.values["loss"][:, i]}
    for i, (rate, word) in enumerate(zip(c, words, strict=True))
}
cs.plots.plot_runs(by_c, ax=left)
left.set(xlabel="step", ylabel="loss", yscale="log", ylim=(1e-3, 1e4))
left.legend()
right.plot(run.step[seen], curvature[seen], ".-")
right.axhline(2, color="black", ls="--", lw=1)
right.set(xlabel="step", ylabel="curvature  η λ")
right.set_ylim(bottom=0)
figure.savefig("lesson_5_network.png")
figure

# %% [markdown]
# The arch of lesson 3, in a network that nobody solved: the loss is thrown up, the curvature
# collapses to below 2, training converges. But here it does so at $c = 8$ too, far beyond 4. Later
# the curvature climbs again, and stops near 2: the *edge of stability*, another story.
#
# ## Where does it end?
#
# One run at one $c$ gives yes or no. `cs.boundary` brackets the border for each member of an
# ensemble. Each member is a random start of its own, and the spread over members gives the error.


# %%
def where_it_ends(net, X, y, members=4, steps=40, high=60.0):
    """Return the c at which training diverges: a bracket for each of several random starts."""
    starts = net.init(rng=1, ensemble=(members,))
    lambdas = cs.Observers(net, X, y).top_eigenvalue(starts)

    def side_at(c):
        run = cs.train(net, starts, X, y, learning_rate=c / lambdas, steps=steps, escape=1e5)
        return cs.numeric.runs.phases.escape(run)

    return cs.boundary(side_at, 2.0, high, members=members, grid=5, tolerance=0.06)


found = {
    activation: where_it_ends(cs.MLP([64, 128, 128, 1], activation=activation), X, y)
    for activation in ("linear", "tanh", "relu")
}
for activation, ends in found.items():
    print(f"{activation:8s} ends at c = {ends.measured}")

# %%
figure, ax = panels(size=(6.8, 3.2))
for row, ends in enumerate(found.values()):
    ax.plot(ends.centres, np.full(4, row), "o", ms=4, alpha=0.5, color="tab:blue")
    ax.errorbar(
        ends.measured.value, row, xerr=2 * ends.measured.error, fmt="D", capsize=4, color="k"
    )
ax.axvline(4, color="black", ls="--", lw=1)
ax.axvline(12, color="black", ls=":", lw=1)
ax.set(xscale="log", xlabel="c where convergence ends", ylim=(-0.6, 2.6), xlim=(3, 40))
ax.set_yticks(range(3), list(found))
ax.minorticks_off()
ax.set_xticks([4, 6, 8, 12, 20, 30], ["4", "6", "8", "12", "20", "30"])
ax.set_title("two hidden layers; dots: random starts; bars: two standard errors")
figure.savefig("lesson_5_ends.png")
figure

# %% [markdown]
# The theorem of lesson 4 is about one hidden layer; with two, the linear network ends beyond it,
# but not far. Tanh is close to the linear network, ReLU is not. So does ReLU agree with the paper?
# "About 12" is no prediction until one says how much "about" is. The whole package reads it as 9
# to 16. Then ask three questions, in this order:
#
# 1. Is our number known well enough, that is, is its error small against that range?
# 2. Is it inside?
# 3. Is it the *same question*: the same data, depth, width, number of steps? Here it is not. The
#    paper trained other networks on other data. An honest verdict is "seen here" or "not seen
#    here", never "refuted".
#
# ## Exercise with a pencil
#
# 1. Four starts have the standard deviation $s$. What is the standard error of their mean? How many
#    starts halve it?
# 2. Someone measures 13 with a standard error of 2. Does it confirm 12, refute it, or neither?
# 3. Why is it no good idea to choose the range "9 to 16" after having measured?
#
# <details><summary>Solution</summary>
#
# 1. $s/\sqrt 4 = s/2$. Four times as many, 16.
# 2. Neither. With two standard errors on either side it may be anything from 9 to 17, which is
#    neither inside nor outside of 9 to 16. "Open" is a verdict too.
# 3. Because then it always fits. A tolerance means something only if it could have been missed.
#
# </details>
#
# ## Exercise in code
#
# How much does the *scaling of the inputs* matter? Take a network with one hidden layer of 64 ReLU
# units, and measure where it ends, once with the inputs of this lesson and once with
# `inputs="pixel"`, where every pixel is scaled by its own variance. Before you run it, look at
# `np.abs(X).max()` of both.
#
# The solution is in the next cell.

# %% tags=["hide-input", "solution"] jupyter={"source_hidden": true}
shallow = cs.MLP([64, 64, 1], activation="relu")
scaled = {}
for inputs in ("global", "pixel"):
    X_scaled, labels = cs.datasets.digits(inputs=inputs)
    X_scaled, labels = cs.datasets.subset(X_scaled, labels, 128, rng=0)
    scaled[inputs] = where_it_ends(shallow, X_scaled, labels)
    largest = np.abs(X_scaled).max()
    print(f"{inputs:8s} largest input {largest:5.1f}   ends at c = {scaled[inputs].measured}")

# %% [markdown]
# Pixels near the rim are almost always empty. Divided by their tiny standard deviation they become
# the largest inputs of all, and the few digits that use them are outliers. One line of
# preprocessing moves the border by more than most changes of the network do.
#
# ## What you have learnt
#
# A border is a number with an error, measured over random starts; and half of what people disagree
# about is how the data were scaled.

# %%
assert words.tolist() == ["lazy", "catapult", "catapult"]
assert (np.nanmin(curvature, axis=0) < 2).all()
linear, tanh, relu = (found[name].measured for name in ("linear", "tanh", "relu"))
assert relu.value - 2 * relu.error > max(linear.value, tanh.value)
assert scaled["pixel"].measured.value < scaled["global"].measured.value / 2
