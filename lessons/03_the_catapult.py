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
# # Lesson 3. The catapult, by hand
#
# *45 minutes: 5 to predict, 15 to derive, 10 for the arch, 15 for the exercises.*
#
# Lesson 2 showed that a wide network survives a learning rate beyond $2/\lambda$: the loss
# explodes, the curvature falls, and training converges. Here you derive why, in six short cells.
# The network has two layers, no activation and one sample with input 1 and label 0:
#
# $$ f = \frac{u \cdot v}{\sqrt n}, \qquad L = \frac{f^2}{2} . $$
#
# > **Predict first.** The curvature is $\lambda = (|u|^2 + |v|^2)/n$. When a step makes $|f|$
# > larger, does λ grow, fall or stay? Write down a reason, even a vague one.

# %%
# %matplotlib inline
import numpy as np
import sympy as sp

import catapult_sim as cs
from catapult_sim.plots.canvas import panels

# %% [markdown]
# ## The derivation
#
# **1. The network and its loss.** Three hidden units are enough to see everything.

# %%
u, v = sp.symbols("u1:4", real=True), sp.symbols("v1:4", real=True)
eta, n = sp.symbols("eta n", positive=True)
output = sum(a * b for a, b in zip(u, v, strict=True)) / sp.sqrt(n)
loss = output**2 / 2
loss

# %% [markdown]
# **2. The gradient.** By the chain rule it is $f$ times the other layer.

# %%
slopes = [loss.diff(weight) for weight in (*u, *v)]
sp.factor(slopes[0])

# %% [markdown]
# **3. One step of gradient descent.**

# %%
weights = (*u, *v)
stepped = {weight: weight - eta * slope for weight, slope in zip(weights, slopes, strict=True)}
sp.factor(stepped[u[0]])

# %% [markdown]
# **4. Two numbers to follow.** The weights are many. We follow the output, and the curvature.

# %%
curvature = sum(weight**2 for weight in weights) / n
next_output = output.subs(stepped, simultaneous=True)
next_curvature = curvature.subs(stepped, simultaneous=True)

# %% [markdown]
# **5. Do they close?** Write $f$ and λ for the old output and curvature: the guess below comes from
# multiplying out by hand. If it is right, the differences vanish, and the weights are not needed
# any more.

# %%
f, lam = output, curvature
guess_output = f * (1 - eta * lam + eta**2 * f**2 / n)
guess_curvature = lam + eta * f**2 / n * (eta * lam - 4)
differences = [
    sp.simplify(next_output - guess_output),
    sp.simplify(next_curvature - guess_curvature),
]
differences

# %% [markdown]
# **6. The map.** Two equations for two numbers, exact at every width. The package derives the same
# rule for any number of hidden units; here are its steps, from the loss to the map.

# %%
rule = cs.symbolic.linear_net.sample_map()
rule

# %%
steps = cs.symbolic.derivation_steps("sample-map")
steps

# %% [markdown]
# Read the second equation aloud:
#
# $$ \lambda_{t+1} - \lambda_t = \frac{\eta f_t^2}{n}\,(\eta\lambda_t - 4) . $$
#
# The change of the curvature is proportional to the *loss*, divided by the width. And below
# $\eta\lambda = 4$ it is negative. **The curvature falls because the loss has grown.** While the
# loss is small, nothing moves; when it has grown to about $n$, λ moves at once.
#
# ## The arch
#
# > **Predict.** We draw a run in the plane of $\eta\lambda$ (across) and $F = \eta|f|/\sqrt n$ (up,
# > logarithmic), starting at $\eta\lambda = 3$ with a tiny output. Sketch the path with a pencil.
# > In which direction does it start? Where does it turn?

# %%
c = np.array([2.2, 2.6, 3.0, 3.4])
width = 1e6
run = cs.iterate(
    rule,
    [1.0, 2.0],
    learning_rate=c / 2.0,  # lambda_0 = 2
    n=width,
    steps=200,
    observe={"state": lambda state, *parameters: state},
)
F = c / 2.0 * np.abs(run.values["state"][..., 0]) / np.sqrt(width)
curvatures = c / 2.0 * run.values["state"][..., 1]

figure, (left, right) = panels(1, 2, size=(10.5, 4.2))
for i, rate in enumerate(c):
    left.semilogy(curvatures[:, i], F[:, i], ".-", ms=4, lw=0.8, label=f"c = {rate:g}")
    right.semilogy(run.step, run.values["loss"][:, i], lw=1.4)
ceiling = np.linspace(0.05, 4, 200)
left.semilogy(ceiling, ceiling / 2, "k:", lw=1, label="ηλ = 2F")
left.axvline(2, color="black", ls="--", lw=1)
left.set(xlabel="curvature  η λ", ylabel="output  F = η|f|/√n", xlim=(0, 4), ylim=(1e-6, 10))
right.set(xlabel="step", ylabel="loss", xlim=(0, 60), ylim=(1e-12, 1e7))
left.legend()
figure.savefig("lesson_3_arch.png")
figure

# %% [markdown]
# Up along the starting curvature, over the line 2, down on the other side: an arch. No weights
# exist above the dotted line, because $|u|^2 + |v|^2 \ge 2\,|u \cdot v|$; it is the ceiling of the
# arch. On the way down λ is below $2/\eta$, so the bowl is now flat enough for this learning rate.
# Large learning rates end in flat places because they throw the weights out of steep ones.
#
# ## Exercise with a pencil
#
# 1. At which $\eta\lambda$ does the change of λ turn its sign? What happens to a run that starts
#    beyond?
# 2. The output is multiplied by $1 - \eta\lambda + \eta^2 f^2/n$. Start at $\eta\lambda = 3$. How
#    large is $|f|$ when this factor has risen to $-1$, if λ had not moved?
# 3. A run starts at $c = 2 + \epsilon$ with small ε. Why does it end near $\eta\lambda = 2 -
#    \epsilon$?
#
# <details><summary>Solution</summary>
#
# 1. At 4. Beyond, a large output makes λ larger, which makes the output larger still: divergence.
# 2. $1 - 3 + \eta^2 f^2/n = -1$ gives $\eta |f| = \sqrt n$: the output is of the order of $\sqrt
#    n$, the loss of the order of $n$.
# 3. Close to 2 both numbers change little at each step, and the path is nearly that of a flow. With
#    $x = \eta\lambda - 2$ and $s = \eta^2 f^2/n$ the size of $f$ grows by the factor $1 + x - s$
#    and x changes by $-2s$ (to leading order). So $ds/dt = 2 s x$, $dx/dt = -2 s$, and $ds/dx =
#    -x$: the paths are arcs $s = (\epsilon^2 - x^2)/2$, symmetric about $x = 0$. The run that
#    starts at $x = \epsilon$ ends at $x = -\epsilon$.
#
# </details>
#
# ## Exercise in code
#
# Where does the curvature end? Iterate the map from 300 outputs $f_0$ between 0.1 and 10 (spaced
# geometrically) at $c = 2.1$ and at $c = 3$, $n = 10^6$, $\lambda_0 = 2$. Draw the final
# $\eta\lambda$ against $f_0$. At which $c$ can you predict it?
#
# <details><summary>Hint</summary>
#
# `cs.iterate` takes an array of starts of shape `(300, 2)`. 3000 steps are plenty.
#
# </details>
#
# The solution is in the next cell.

# %% tags=["hide-input", "solution"] jupyter={"source_hidden": true}
outputs = np.geomspace(0.1, 10, 300)
starts = np.stack([outputs, np.full(300, 2.0)], axis=-1)
final = {}
figure, ax = panels(size=(6.4, 4.0))
for rate in (2.1, 3.0):
    ended = cs.iterate(rule, starts, learning_rate=rate / 2, n=width, steps=3000)
    final[rate] = rate / 2 * ended.state[:, 1]
    ax.semilogx(outputs, final[rate], ".", ms=3, label=f"c = {rate:g}")
ax.axhline(2, color="black", ls="--", lw=1)
ax.set(xlabel="output at the start", ylabel="curvature in the end  η λ", ylim=(0, 2.2))
ax.legend()
figure.savefig("lesson_3_ends.png")
figure

# %% [markdown]
# At $c = 2.1$ all end near 1.9, as the symmetric arc says. At $c = 3$ the end depends on the start,
# and repeats when $f_0$ is doubled: a smaller start only adds steps of growth by the factor
# $c - 1 = 2$.
#
# ## What you have learnt
#
# The curvature falls because the loss has grown. Every catapult ends below $\eta\lambda = 2$.

# %%
assert differences == [0, 0]
assert steps[0].what.startswith("The loss depends on the weights")
assert cs.classify(run).names.tolist() == ["catapult"] * 4
assert (c / 2 * run.state[:, 1] < 2).all()
assert np.nanmax(np.diff(curvatures, axis=0)) <= 0  # it never rises, on the way up or down
assert np.abs(final[2.1] - 1.9).max() < 0.02
assert final[3.0].max() < 2
half = outputs < 5
doubled = np.interp(2 * outputs[half], outputs, final[3.0])
assert np.median(np.abs(doubled - final[3.0][half])) < 0.02
