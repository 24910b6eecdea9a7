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
# # Lesson 7. Averages and schedules
#
# *45 minutes: 5 to predict, 10 for the noise, 15 for the averages, 15 for the exercises.*
#
# SGD at a constant learning rate never settles: the batches disagree, and the weights keep jumping
# about the minimum. Two remedies are in use. One lowers the learning rate towards the end (a
# *schedule*), the other one averages the weights of the last steps. This lesson shows that they are
# the same thing twice [Sandler et al. 2023].
#
# Along one eigenvector of the Hessian a batch has the loss $h (x - c)^2 / 2$, whose minimum $c$ is
# drawn anew at every step, with mean zero and variance one. With $a = \eta h$ a step is
#
# $$ x_{t+1} = (1 - a)\,x_t + a\,c_t . $$
#
# > **Predict first.** Let SGD run for long. (a) How large is the variance $V$ of $x$ at small $a$:
# > proportional to $a$, to $a^2$, independent of $a$? (b) You take the mean of two iterates, far
# > apart. Which learning rate would have given the same variance without averaging?

# %%
# %matplotlib inline
import numpy as np

import catapult_sim as cs
from catapult_sim.plots.canvas import panels

minibatch = cs.numeric.minibatch.moments  # exact means and variances, and sampled runs

# %% [markdown]
# ## How much it jumps
#
# The package derives the variance, step by step.

# %%
steps = cs.symbolic.derivation_steps("variance-sgd")
steps

# %%
rates = np.array([0.05, 0.1, 0.3, 0.6, 1.0, 1.5, 1.9])
runs = minibatch.sample(np.tile(rates, (300, 1)), rng=0, ensemble=(3000,))
variance = runs.iterates[-1].var(axis=0)

figure, ax = panels(size=(6.2, 4.0))
line = np.linspace(0.02, 1.95, 300)
ax.semilogy(line, line / (2 - line), label="a / (2 − a), derived")
ax.semilogy(rates, variance, "o", label="3000 runs each")
ax.set(xlabel="a = ηh", ylabel="variance V")
ax.legend()
figure.savefig("lesson_7_variance.png")
figure

# %% [markdown]
# At small $a$ the variance is $a/2$. It is not smaller than that however long we wait. Halving the
# learning rate halves it, and doubles the time that it takes to get anywhere.
#
# ## Averages
#
# `propagate` computes means and variances exactly, step by step, also those of averages. Each
# average has a variance; and each variance belongs to a learning rate, $a_{\rm eff} = 2V/(1 + V)$.

# %%
a, long = 0.1, 1000
averages = {
    "none": None,
    "two points, 100 apart": cs.TwoPoint(100),
    "mean of the last 100": cs.Window(100),
    "exponential, γ = 0.98": cs.EMA(0.98),
}
worth = {}
for name, average in averages.items():
    moments = minibatch.propagate(np.full(long, a), average=average)
    V = moments.variance[-1] if average is None else moments.average_variance[-1]
    worth[name] = 2 * V / (1 + V)
    print(f"{name:24s} V = {V:.5f}    worth a = {worth[name]:.5f}")

# %% [markdown]
# Two points are worth half of the learning rate. The mean of $k$ iterates is worth about $2/k$,
# whatever the learning rate was, and an exponential average with decay γ about
# $1/(1/a + 1/(1 - \gamma))$.
#
# ## An average is a schedule
#
# Why? The iterate is the start minus a sum of gradients. An average of iterates holds early
# gradients in full, and late ones only in part, as those are in few of its iterates only. A
# schedule that takes late gradients with the same parts has the same result, as long as the
# gradients are the same.
#
# > **Predict.** Which schedule belongs to the mean of all iterates from step 0 to $T$: a step down,
# > a straight line, an exponential?

# %%
T = 200
schedule_of = cs.numeric.runs.averages.schedule
shapes = {
    "two points": schedule_of(cs.TwoPoint(T), T),
    "mean of all": schedule_of(cs.SWA(), T),
    "exponential": schedule_of(cs.EMA(0.98), T),
}
figure, ax = panels(size=(6.2, 3.6))
for name, shape in shapes.items():
    ax.plot(shape, label=name)
ax.set(xlabel="step", ylabel="learning rate, relative", ylim=(0, 1.05))
ax.legend()
figure.savefig("lesson_7_schedules.png")
figure

# %% [markdown]
# ## The same on digits
#
# Networks do not have constant gradients. Still: 16 starts, SGD with batches of 4; then once more
# 300 steps, (1) at the same rate, (2) with the mean of all iterates, (3) with the rate lowered
# linearly to zero. The batches are the same in all three.

# %%
X, y = cs.datasets.digits(inputs="global")
X, y, X_test, y_test = X[:500], y[:500], X[500:1000], y[500:1000]
net = cs.MLP([64, 16, 1], activation="tanh")
rng = np.random.default_rng(0)
theta = net.init(rng=rng, ensemble=(16,))
eta = 0.4 / cs.Observers(net, X, y).top_eigenvalue(theta)


def sgd(theta, steps, seed, **options):
    """Train 16 networks with batches of 4."""
    batches = cs.minibatches(500, 4, steps=steps, rng=seed)
    return cs.train(
        net, theta, X, y, learning_rate=eta, steps=steps, batches=batches, every=steps, **options
    )


warm = sgd(theta, 600, 1).state
constant = sgd(warm, 300, 2)
averaged = sgd(warm, 300, 2, average=cs.SWA())
lowered = sgd(warm, 300, 2, schedule=schedule_of(cs.SWA(), 300))
test_loss = {
    "constant rate": net.loss(constant.state, X_test, y_test),
    "mean of all": net.loss(averaged.average, X_test, y_test),
    "lowered linearly": net.loss(lowered.state, X_test, y_test),
}
for name, losses in test_loss.items():
    print(f"{name:18s} test loss {losses.mean():.4f} ± {losses.std() / 4:.4f}")

# %% [markdown]
# Averaging and lowering the rate gain about the same. So choose
# by what is convenient: an average can be taken off at any time, without deciding beforehand when
# training ends.
#
# ## Exercise with a pencil
#
# 1. Derive $V = a/(2 - a)$: what is the variance of $x_{t+1}$ if that of $x_t$ is $V$?
# 2. Two iterates $g$ steps apart have the covariance $(1 - a)^g V$. Derive the variance of their
#    mean. What is it when they are far apart, and when $g = 0$?
# 3. Show that the equivalent rate of two points far apart is close to $a/2$ when $a$ is small.
#
# <details><summary>Solution</summary>
#
# 1. $c_t$ is independent of $x_t$, so $V' = (1 - a)^2 V + a^2$. With $V' = V$:
#    $V\,(2a - a^2) = a^2$, so $V = a/(2 - a)$.
# 2. $\frac14 (V + V + 2 (1 - a)^g V) = \frac{V}{2}\,(1 + (1 - a)^g)$. Far apart $V/2$; at $g = 0$
#    it is $V$: the mean of a number with itself gains nothing.
# 3. $V/2 = a/(2(2 - a))$, so $a_{\rm eff} = 2\,(V/2)/(1 + V/2) = 2a/(4 - a) \approx a/2$.
#
# </details>
#
# ## Exercise in code
#
# You train at $a = 0.2$ and want the noise of $a = 0.004$. How many iterates $k$ do you average?
# Guess from $2/k$, then find the smallest $k$; the closed form is
# `cs.numeric.minibatch.stationary.stationary_variance(a, average=cs.Window(k))`. How many steps
# does it take, at either rate, to forget the start, that is, to shrink it to a thousandth?
#
# The solution is in the next cell.

# %% tags=["hide-input", "solution"] jupyter={"source_hidden": true}
closed_form = cs.numeric.minibatch.stationary.stationary_variance
target = 0.004 / (2 - 0.004)
low, k = 1, 2000  # too few iterates, and enough
while k - low > 1:
    middle = (low + k) // 2
    enough = closed_form(0.2, average=cs.Window(middle)) <= target
    low, k = (low, middle) if enough else (middle, k)
forget = {rate: int(np.ceil(np.log(1e-3) / np.log(1 - rate))) for rate in (0.2, 0.004)}
print(f"average {k} iterates; a start is forgotten (to 1/1000) after {forget} steps")

# %% [markdown]
# About 500 iterates, as $2/k$ says. But the start is forgotten after 31 steps instead of 1724: at
# the large rate one forgets fast, and the average takes the noise away. That is what averaging is
# for.
#
# ## What you have learnt
#
# The noise of SGD is that of its learning rate. Averaging the weights and lowering the learning
# rate are two ways to the same end, and each average has its schedule.

# %%
np.testing.assert_allclose(variance, rates / (2 - rates), rtol=0.15)
assert any(str(right) == "-a/(a - 2)" for step in steps for _, right in step.equations)
assert abs(worth["two points, 100 apart"] / (2 * a / (4 - a)) - 1) < 1e-3
assert abs(worth["mean of the last 100"] / (2 / 100) - 1) < 0.15
assert np.allclose(np.diff(shapes["mean of all"]), np.diff(shapes["mean of all"])[0])
gain = test_loss["constant rate"] - test_loss["mean of all"]
also = test_loss["constant rate"] - test_loss["lowered linearly"]
assert gain.mean() > 2 * gain.std() / 4
assert abs(gain.mean() / also.mean() - 1) < 0.25
assert 400 < k < 600
