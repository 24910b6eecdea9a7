r"""What a large learning rate penalises, made explicit at a small one, on handwritten digits.

A ReLU network of 64 hidden units learns 256 digits by softmax cross-entropy from 64 starts, always
to the same time, learning rate eta times steps. Circles: plain SGD with batches of B. Diamonds: SGD
at the smallest eta (square), with the penalty (lambda / 4m) sum_k |grad C_k|^2 in its loss. To
first order (Smith et al. 2021) all that counts is (eta + lambda) / B, and small effects lie on a
straight line (grey, through the circle of largest eta for B = 16). Shown are changes against the
square, paired by start, with standard errors of the mean. (a) The mean squared gradient of batches
of 16 samples follows the line. (b) Loss and (c) error on the 1541 other digits fall too, the
error by about one digit in a thousand. Rates are in units of 1 / (curvature lambda_0); twice
that is where full-batch gradient descent could first become unstable. Drawing takes a minute.
"""

from catapult_sim.claims.smith2021.experiment import LARGE, SMALL, Recipe, excess
from catapult_sim.commands.gallery import run_script
from catapult_sim.plots import canvas, plot_measured, style

RATES = {8: (1 / 8, 1 / 4, 1 / 2), 16: (1 / 4, 1 / 2, 1), 32: (1 / 2, 1, 2)}
COLOURS = {8: style.BLUE, 16: style.ORANGE, 32: style.ROSE}
REGULARIZERS = (1 / 8, 3 / 8, 7 / 8)
PANELS = {
    "penalty": (r"change of mean squared gradient $\times 10^{5}$", 1e5),
    "loss": (r"change of test loss $\times 10^{3}$", 1e3),
    "error": ("change of test error, %", 1e2),
}


def main(bench):
    """Return the figure."""
    figure, axes = canvas.panels(1, 3, size=(10.5, 3.4))
    for (quantity, (_, scale)), ax in zip(PANELS.items(), axes, strict=True):
        draw(bench, quantity, scale, ax)
    style.letter_panels(axes, (title for title, _ in PANELS.values()))
    return figure


def draw(bench, quantity, scale, ax):
    """Draw the change of a quantity against (eta + lambda) / B."""
    start, end = position(SMALL), position(LARGE)
    change = scale * excess(bench, quantity, LARGE).value
    ax.axline((start, 0), (end, change), color="0.7", lw=1, zorder=0)
    ax.plot(start, 0, "s", color="black", ms=4)
    for size, rates in RATES.items():
        recipes = [Recipe(size, rate) for rate in rates]
        look = {"fmt": "o", "color": COLOURS[size], "label": f"plain, B = {size}"}
        # Side by side, as the points of different batches fall on one another.
        points(bench, quantity, scale, ax, recipes, {8: -0.012, 16: 0, 32: 0.012}[size], look)
    recipes = [Recipe(16, SMALL.learning_rate, penalty) for penalty in REGULARIZERS]
    look = {"fmt": "D", "color": "black", "mfc": "white", "label": "explicit penalty, B = 16"}
    points(bench, quantity, scale, ax, recipes, 0.024, look)
    ax.set(xlabel=r"$16\,(\eta+\lambda)\,/\,B$", xlim=(0, 1.1))
    ax.axhline(0, color="0.7", lw=0.6, ls=":")
    if quantity == "penalty":
        ax.legend(frameon=False, fontsize=8, loc="lower left")


def points(bench, quantity, scale, ax, recipes, shift, look):
    """Draw one series with its errors."""
    found = [excess(bench, quantity, recipe) for recipe in recipes]
    places = [position(recipe) + shift for recipe in recipes]
    plot_measured(places, found, scale=scale, ax=ax, **look)


def position(recipe):
    """Return (eta + lambda) / B, one for B = 16 at learning rate 1."""
    return 16 * (recipe.learning_rate + recipe.regularizer) / recipe.batch_size


if __name__ == "__main__":
    run_script(main, __file__, effort="full")
