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
# # Lesson 4. The end: the number 4, labels, and chaos
#
# *45 minutes: 5 to predict, 10 for the map of all runs, 15 for labels and chaos, 15 for the
# exercises.*
#
# Lesson 3 ended with a rule of two numbers, the output $f$ and the curvature λ. In the units
#
# $$ F = \frac{\eta f}{\sqrt n}, \qquad Y = \frac{\eta y}{\sqrt n}, \qquad \Lambda = \eta\lambda $$
#
# width and learning rate drop out of it. With the residual $D = F - Y$ it reads
#
# $$ D' = D\,(1 - \Lambda + D F), \qquad \Lambda' = \Lambda + D\,(D \Lambda - 4 F) . $$
#
# One map, one parameter, the label $Y$. Every network of this kind, at every width and learning
# rate, is a point in the plane of $D$ and Λ. So all runs fit on one page.
#
# > **Predict first.** Label zero. In the plane of Λ (across) and $F$ (up, logarithmic) colour the
# > starts from which training converges. How does the border look: straight, curved, frayed?

# %%
# %matplotlib inline
import numpy as np
import sympy as sp

import catapult_sim as cs
from catapult_sim.plots.canvas import panels

rule = cs.symbolic.linear_net.residual_map()
rule

# %% [markdown]
# ## All runs on one page

# %%
Lam = np.linspace(0.5, 4.5, 161)
F = np.geomspace(1e-6, 1.0, 121)
found = cs.phase_map(rule, D=F[:, None], Lam=Lam, Y=0.0, steps=4000)
exists = Lam >= 2 * F[:, None]  # no weights have a smaller curvature

figure, (left, right) = panels(1, 2, size=(11, 4.2))
left.set_yscale("log")
cs.plots.plot_phases(Lam, F, np.ma.masked_where(~exists, found.phase), ax=left)
left.set(xlabel="curvature at the start  Λ = ηλ", ylabel="output at the start  F")
for place, word in ((1.2, "lazy"), (3.0, "catapult"), (4.25, "div.")):
    left.text(place, 1e-4, word, ha="center", fontweight="bold")
ended = np.where((found.phase == cs.Phase.DIVERGENT) | ~exists, np.nan, found.state["Lam"])
image = right.pcolormesh(Lam, F, ended, shading="nearest", cmap="viridis", vmin=0, vmax=2)
right.set(yscale="log", xlabel="curvature at the start  Λ")
figure.colorbar(image, ax=right, label="curvature in the end  Λ")
figure.savefig("lesson_4_map.png")
figure

# %% [markdown]
# Two borders, both straight for small outputs. At 2 the loss begins to rise first. At 4 convergence
# ends, and that border is straight all the way up. Between them every run is a catapult. (The dark
# line and dots are undecided: 4000 steps were not enough, as at Λ = 2, or where a run ends very
# flat.)
#
# The border is simple, but what happens inside is not (right). Below 2 the curvature keeps its
# value. A little above it ends as far below 2 as it began above. Towards 4 fingers appear, finer
# and finer: the end is determined by the start, but hardly to be predicted.
#
# ## With a label
#
# > **Predict.** The label is now $Y = 1/2$. Does convergence still end at 4? Does the border still
# > have no dent?

# %%
label = 0.5
D = np.linspace(-1.5, 1.5, 240)  # none of them is 0 or 1, whose runs are special
Lam = np.linspace(2.0, 6.0, 161)
with_label = cs.phase_map(rule, D=D, Lam=Lam[:, None], Y=label, steps=2000)
exists = Lam[:, None] >= 2 * np.abs(D + label)

figure, ax = panels(size=(6.4, 4.4))
cs.plots.plot_phases(D, Lam, np.ma.masked_where(~exists, with_label.phase), ax=ax)
ax.plot(D, 4 + label * D, "k--", lw=1.5, label="Λ = 4 + Y D")
ax.set(xlabel="residual at the start  D", ylabel="curvature at the start  Λ", ylim=(2, 6))
for height, word in ((2.9, "catapult"), (5.2, "divergent")):
    ax.text(-0.3, height, word, ha="center", fontweight="bold")
ax.text(0.75, 2.65, "lazy", ha="center", fontweight="bold")
ax.text(1.1, 2.2, "no weights are here", ha="center")
ax.legend()
figure.savefig("lesson_4_label.png")
figure

# %% [markdown]
# The border is a straight line, $\Lambda = 4 + Y D$, at any label with $|Y| < 2$. Why? Follow the
# distance from it, $E = \Lambda - 4 - Y D$: the package derives what a step does to it.

# %%
cs.symbolic.linear_net.edge_law()

# %% [markdown]
# A step multiplies the distance by $1 + F D$. Since $F D = D^2 + Y D \ge -Y^2/4$, this factor is
# positive wherever $|Y| < 2$. So no run ever crosses the line. (That all runs below it stay
# bounded, and all above diverge, is what the picture adds.)
#
# ## Beyond label one: chaos
#
# A minimum $D = 0$ is stable where $\Lambda < 2$. But weights that fit the label have
# $\Lambda \ge 2|F| = 2|Y|$. With $Y > 1$ no stable minimum is left.
#
# > **Predict.** What does training do at $Y = 1.1$, $1.25$, $2$? (It does not diverge.)

# %%
balanced = cs.symbolic.linear_net.balanced_map()
labels = np.linspace(0.8, 2.0, 600)
settled = cs.attractor(balanced, [0.3], Y=labels, transient=2000, steps=500)
step, state, seen = balanced.numpy(), settled.state, []
for _ in range(120):
    state = step(state, labels)
    seen.append(state[:, 0])

figure, ax = panels(size=(7.5, 4.2))
ax.plot(labels, np.array(seen).T, "k,", alpha=0.5)
for doubling in cs.symbolic.linear_net.period_doublings().values():
    ax.axvline(float(doubling), color="tab:red", lw=0.8)
ax.set(xlabel="label  Y", ylabel="output after 2000 steps  F")
figure.savefig("lesson_4_chaos.png")
figure

# %% [markdown]
# First the output sits at $F = Y$. At $Y = 1$ it starts to jump between two values, at
# $\sqrt 5 - 1$ between four, and so on to chaos. The red lines are not fitted; they are derived:

# %%
doublings = cs.symbolic.linear_net.period_doublings()
doublings

# %% [markdown]
# ## Exercise with a pencil
#
# 1. Show that $E' = E\,(1 + F D)$ from the two equations at the top.
# 2. On the line itself, $E = 0$, show that $D' = D^3 - 3D$. With $D = 2\cos\varphi$, what is
#    $\varphi'$?
#
# <details><summary>Solution</summary>
#
# 1. $E' = \Lambda' - 4 - Y D' = \Lambda + D^2\Lambda - 4 D F - 4 - Y D (1 - \Lambda + D F)$. Insert
#    $Y = F - D$ in the last term. It becomes $-YD + F D\Lambda - D^2 \Lambda - Y D\,D F$, so
#    $E' = (\Lambda - 4 - Y D) + F D\,(\Lambda - 4 - Y D) = E\,(1 + F D)$.
# 2. $\Lambda = 4 + YD$ gives $1 - \Lambda + D F = -3 - YD + D(D + Y) = D^2 - 3$. And
#    $8\cos^3\varphi - 6\cos\varphi = 2\cos 3\varphi$: the angle is tripled. A tripled angle is
#    chaotic: an error grows threefold at each step.
#
# </details>
#
# ## Exercise in code
#
# Measure the border for $Y = -0.7$: for eight residuals $D$ between −0.6 and 0.6, find the largest
# Λ from which training converges, by bisection. Compare with $4 + Y D$.
#
# <details><summary>Hint</summary>
#
# `cs.phase_map` takes an array of starts. Begin with a lower end 2 and an upper end 6 for each of
# the eight, and halve the interval thirty times: where `found.phase == cs.Phase.DIVERGENT` the
# middle becomes the upper end.
#
# </details>
#
# The solution is in the next cell.

# %% tags=["hide-input", "solution"] jupyter={"source_hidden": true}
Y = -0.7
D = np.linspace(-0.6, 0.6, 8)
low, high = np.full(8, 2.0), np.full(8, 6.0)
for _ in range(30):
    middle = (low + high) / 2
    outcome = cs.phase_map(rule, D=D, Lam=middle, Y=Y, steps=1000)
    beyond = outcome.phase == cs.Phase.DIVERGENT
    low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
border = (low + high) / 2
print("largest distance from the line:", np.abs(border - (4 + Y * D)).max())

# %% [markdown]
# ## What you have learnt
#
# Convergence ends on a straight line, at $\eta\lambda = 4$ without a label. Inside, the end is
# finely mixed; and where no flat minimum exists, training ends in an orbit or in chaos.

# %%
assert (found.phase[:, np.linspace(0.5, 4.5, 161) > 4.01] == cs.Phase.DIVERGENT).all()
assert np.abs(border - (4 + Y * D)).max() < 1e-3
assert doublings[2] == 1 and sp.simplify(doublings[4] - (sp.sqrt(5) - 1)) == 0
assert settled.period[labels < 0.99].max() == 1
