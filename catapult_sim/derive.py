"""What can be derived, by name, in which words: the texts of ``catapult-sim derive``."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.printing.numpy import NumPyPrinter

from catapult_sim.symbolic import DERIVATIONS, Update, backward_error, loss_text, minibatch
from catapult_sim.validation import InputError

HIGHEST_ORDER = 10  # of the modified equation: its trees more than double from order to order
STEP_SIZE = sp.Symbol("eps", positive=True)

PRINTERS: dict[str, Callable[[sp.Expr], str]] = {
    "text": str,
    "latex": lambda e: sp.latex(e, symbol_names={STEP_SIZE: r"\varepsilon"}),
    "mathml": functools.partial(sp.mathml, printer="presentation"),
    "numpy": lambda e: NumPyPrinter().doprint(e),
    "python": sp.pycode,
    "javascript": sp.jscode,
}
FORMATS = tuple(PRINTERS)


@dataclass(frozen=True)
class Derivation:
    """One name: what it is, the options it takes, and what it says in a format."""

    summary: str
    options: frozenset[str]
    say: Callable[..., str]


def derive(name: str, form: str, **options: Any) -> str:
    """Derive something and return it in one of ``FORMATS``.

    Parameters
    ----------
    name : str
        See :func:`listing`.
    form : str
        One of ``FORMATS``.
    **options
        What the derivation takes, such as ``order``; None counts as not given.

    Raises
    ------
    InputError
        Where the name, the form or an option is not known, or the derivation refuses.

    Examples
    --------
    >>> print(derive("modified-equation", "text", order=2))
    eps^0: f
    eps^1: - 1/2 f'f
    eps^2: 1/3 f'f'f + 1/12 f''(f, f)
    """
    known = derivations()
    if name not in known:
        raise InputError(f"the name must be one of {', '.join(known)}; got {name!r}")
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in known[name].options:
            takes = ", ".join(f"--{one}" for one in sorted(known[name].options)) or "no options"
            raise InputError(f"{name} takes {takes}; got --{option}")
    try:
        return known[name].say(form, **given)
    except ValueError as refusal:
        raise InputError(str(refusal)) from None


def listing() -> list[tuple[str, str, str]]:
    """Return name, summary and options of everything that can be derived."""
    return [
        (name, one.summary, " ".join(f"--{option}" for option in sorted(one.options)))
        for name, one in derivations().items()
    ]


def derivations() -> Mapping[str, Derivation]:
    """Return everything that can be derived, by name."""
    method = {"order", "sampling", "momentum", "nesterov"}
    return {
        **{name: _of_update(make) for name, make in DERIVATIONS.items()},
        **{f"variance-{name}": _of_variance(make) for name, make in minibatch.FORMULAS.items()},
        "modified-equation": Derivation(
            "the field that an optimiser follows, in elementary differentials",
            frozenset(method | {"batches"}),
            _modified_equation,
        ),
        "modified-field": Derivation(
            "the field that an optimiser follows on given losses",
            frozenset(method | {"loss"}),
            _modified_field,
        ),
        "modified-loss": Derivation(
            "the loss of which that field is the gradient, where there is one",
            frozenset({"order", "sampling", "loss"}),
            _modified_loss,
        ),
    }


def _of_update(make: Callable[..., Update]) -> Derivation:
    takes = frozenset(inspect.signature(make).parameters) & {"inputs", "outputs", "samples"}

    def say(form: str, **sizes: int) -> str:
        # The method of the form's own name returns a function, not its text.
        return str(getattr(make(**sizes), "numpy_source" if form == "numpy" else form)())

    return Derivation(_summary(make), takes, say)


def _of_variance(make: Callable[[], sp.Expr]) -> Derivation:
    def say(form: str) -> str:
        rate = minibatch.equivalent_rate(make())
        return f"V: {PRINTERS[form](make())}\na_eff: {PRINTERS[form](rate)}"

    return Derivation(_summary(make), frozenset(), say)


def _summary(make: Callable[..., Any]) -> str:
    source = make.func if isinstance(make, functools.partial) else make
    first_line = str(inspect.getdoc(source)).partition("\n")[0]
    plain = re.sub(r":func:|`|\.$", "", first_line)
    # Functions are derived by names with hyphens.
    return re.sub(r"\w+_\w+", lambda name: name[0].replace("_", "-"), plain)


def _modified_equation(form: str, order: int = 2, batches: str | None = None, **method: Any) -> str:
    if form not in ("text", "latex"):
        raise InputError(f"modified-equation can be had as text or latex; got {form}")
    mean = method.get("sampling", "full") == "full"
    if mean and batches is not None:
        raise InputError(f"--batches needs --sampling shuffled or replacement; got {batches}, full")
    number = sp.Symbol("m") if batches is None else _number("batches", batches)
    if number.is_number and not (number.is_integer and number >= 1):
        raise InputError(f"--batches must be an integer of at least 1, or a name; got {batches}")
    if order > HIGHEST_ORDER:
        raise InputError(
            f"--order must be at most {HIGHEST_ORDER}: more takes minutes; got {order}"
        )
    equation = backward_error.modified_equation(
        order, batches=None if mean else number, **_method(**method)
    )
    return str(equation) if form == "text" else equation.latex()


def _modified_field(form: str, loss: list[str] | None = None, order: int = 1, **method: Any) -> str:
    losses, state = _problem(loss)
    field = backward_error.modified_field(
        losses, state, STEP_SIZE, order=order, **_method(**method)
    )
    say = PRINTERS[form]
    return "\n".join(
        f"d{weight}/dt, eps^{power}: {say(sp.factor(component))}"
        for power, term in enumerate(field.terms)
        for weight, component in zip(state, term, strict=True)
    )


def _modified_loss(
    form: str, loss: list[str] | None = None, order: int = 1, sampling: str = "shuffled"
) -> str:
    losses, state = _problem(loss)
    modified = backward_error.modified_loss(
        losses, state, STEP_SIZE, order=order, sampling=sampling
    )
    if modified.has(sp.Integral):
        raise InputError(
            f"the modified loss of {', '.join(map(str, losses))} must be had in closed form at "
            f"order {order}, and is not; modified-field has its gradient"
        )
    return PRINTERS[form](sp.collect(sp.expand(modified), STEP_SIZE, sp.factor))


def _method(momentum: str = "0", **others: Any) -> dict[str, Any]:
    return {"momentum": _number("momentum", momentum), **others}


def _number(option: str, text: str) -> sp.Expr:
    try:
        return loss_text.parse_loss(text)
    except ValueError:
        raise InputError(
            f"--{option} must be a number, a name or a formula; got {text!r}"
        ) from None


def _problem(texts: list[str] | None) -> tuple[list[sp.Expr], list[sp.Symbol]]:
    """Read losses, or take the catapult's own: one sample of a network of width 1."""
    losses = [loss_text.parse_loss(text) for text in texts or ["(u*v)**2 / 2"]]
    state = sorted(set().union(*(loss.free_symbols for loss in losses)), key=str)
    if not state:
        raise InputError(f"a loss must name at least 1 weight; got {', '.join(map(str, losses))}")
    if str(STEP_SIZE) in map(str, state):
        raise InputError("a weight must not be called eps, which is the step size; got eps")
    return losses, state
