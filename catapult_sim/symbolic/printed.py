"""Derivations by name, with options given as text, printed in one of ``VOICES``."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from catapult_sim.symbolic import derivations, loss_text
from catapult_sim.symbolic.backward_error.field import ModifiedField
from catapult_sim.symbolic.backward_error.modified_equation import ModifiedEquation, describe_method
from catapult_sim.symbolic.catalogue import Derivation, legend
from catapult_sim.symbolic.expressions import factored
from catapult_sim.symbolic.minibatch.rates import equivalent_rate
from catapult_sim.symbolic.step_by_step import DerivationSteps
from catapult_sim.symbolic.steps import name_apart, note, recording
from catapult_sim.symbolic.update import Update
from catapult_sim.symbolic.voices import STEP_SIZE, VOICES
from catapult_sim.symbolic.voices.rule import Formula
from catapult_sim.types import Progress
from catapult_sim.validation import InputError, require_instance, require_one_of, shown


@dataclass(frozen=True)
class Printed:
    """A printed derivation."""

    method: str  # a comment: the training method and the losses; empty where the name says it
    text: str
    where: str  # what the symbols mean; empty but for plain text

    def __str__(self) -> str:
        return "\n".join(part for part in (self.method + self.text, self.where) if part)


def derive(name: str, form: str, *, progress: Progress | None = None, **options: Any) -> Printed:
    """Derive something and write it in one of ``VOICES``.

    Parameters
    ----------
    name : str
        See :func:`listing`.
    form : str
        A name in ``VOICES``.
    progress : callable, optional
        Called with the number of terms found since the last call, where there are many.
    **options
        Options of the derivation, such as ``order``; None counts as not given.

    Raises
    ------
    InputError
        Where the name, the form or an option is not known, or the derivation refuses.

    Examples
    --------
    >>> print(derive("modified-equation", "text", order=2, sampling="full"))
    gradient descent, full batch
    eps^0: f
    eps^1: - 1/2 f'f
    eps^2: 1/3 f'f'f + 1/12 f''(f, f)
    where eps = step size; f = minus the gradient of the loss; f', f'' its derivatives
    """
    require_one_of("form", form, VOICES)
    known, given = _asked(name, options)
    try:
        return _printed(known, form, given, progress)
    except ValueError as refusal:
        raise InputError(str(refusal)) from None


def derivation_steps(
    name: str, *, progress: Progress | None = None, **options: Any
) -> DerivationSteps:
    r"""Derive something, and return the steps of its derivation.

    Parameters
    ----------
    name : str
        See :func:`~catapult_sim.symbolic.catalogue.derivations`.
    progress : callable, optional
        Called with the number of terms found since the last call, where there are many.
    **options
        Options of ``catapult-sim derive``, such as ``order=2`` or ``loss=["x**4", "x**2 * y"]``.

    Returns
    -------
    DerivationSteps
        A sequence of sentences with equations; ``text()``, ``latex()``, ``beamer()`` and
        ``mathml()`` write them.

    Raises
    ------
    InputError
        Where the name or an option is not known, or the derivation refuses.

    Examples
    --------
    >>> steps = derivation_steps("sample-map")
    >>> print(steps[0].what)
    The loss depends on the weights through the product of the two layers alone.
    >>> print(*steps[-1].equations, sep="\n")
    (f', f*(eta**2*f**2/n - eta*lam + 1))
    (lam', eta*f**2*(eta*lam - 4)/n + lam)
    """
    known, given = _asked(name, options)
    try:
        arguments, symbols = _arguments(known, given), _symbols(known, given)
        with recording() as steps:
            derived = known.derive(**arguments, **_watched(known, progress))
            if isinstance(derived, sp.Expr):
                _results(derived, arguments.get("losses"))
    except ValueError as refusal:
        raise InputError(str(refusal)) from None
    notation = derived.notation if isinstance(derived, Update) else {}
    return DerivationSteps(known.name, tuple(steps), symbols, notation, known.summary)


def listing() -> list[tuple[str, str, str]]:
    """Return name, summary and options of everything that can be derived."""
    return [
        (name, one.summary, " ".join(f"--{option}" for option in sorted(one.options)))
        for name, one in derivations().items()
    ]


def _asked(name: str, options: dict[str, Any]) -> tuple[Derivation, dict[str, Any]]:
    """Return a derivation, and those of its options that are given, or raise InputError."""
    names = derivations()
    require_instance("the name", name, str, "a text")
    if name not in names:
        near = difflib.get_close_matches(name.replace("_", "-"), names, 3)
        known_ones = f"such as {', '.join(near)}" if near else f"one of {', '.join(names)}"
        raise InputError(f"the name must be {known_ones}; got {name!r}")
    known = names[name]
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if option not in known.options:
            takes = ", ".join(f"--{one}" for one in sorted(known.options)) or "no options"
            raise InputError(f"{name} takes {takes}; got --{option}")
    return known, given


def _printed(
    known: Derivation, form: str, given: dict[str, Any], progress: Progress | None
) -> Printed:
    arguments, symbols = _arguments(known, given), _symbols(known, given)
    method, losses = "", arguments.get("losses")
    derived = known.derive(**arguments, **_watched(known, progress))
    text = _text(known.name, derived, form, losses)
    if "sampling" in known.options:
        words = ("sampling", "momentum", "nesterov", "repeats")
        method = describe_method(**{word: arguments[word] for word in words if word in arguments})
    if losses is not None:
        method += f"; {'loss' if len(losses) == 1 else 'losses'} {', '.join(map(str, losses))}"
    where = f"where {legend(symbols, text)}" if form == "text" else ""
    # XML ends a comment at two hyphens.
    comment = VOICES[form].comment.format(method.replace("--", "- -")) if method else ""
    return Printed(comment, text, where)


def _watched(known: Derivation, progress: Progress | None) -> dict[str, Any]:
    return {"progress": progress} if "order" in known.options else {}


def _symbols(known: Derivation, given: dict[str, Any]) -> dict[str, str]:
    """Return the meaning of symbols, those included that options name."""
    named = {
        "batches": "batches of an epoch",
        "repeats": "steps in a row on each batch",
        "momentum": "momentum",
    }
    return dict(known.symbols) | {
        given[option]: meaning
        for option, meaning in named.items()
        if str(given.get(option, 0)).isidentifier()
    }


def _arguments(known: Derivation, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a derivation from options, or raise InputError."""
    arguments = {name: value for name, value in given.items() if name != "loss"}
    for name in ("momentum", "batches", "repeats"):
        if name in arguments:
            arguments[name] = _number(name, arguments[name])
            taken = {"eps", "f"} & set(map(str, arguments[name].free_symbols))
            if taken and "loss" not in known.options:
                raise InputError(
                    f"--{name} must not be called {min(taken)}, which has a meaning of its own; "
                    f"got {given[name]}"
                )
    if "loss" in known.options:
        arguments["losses"], arguments["state"] = _problem(given.get("loss"))
        arguments["step_size"] = STEP_SIZE
    if "batches" in known.options:
        _check_equation(arguments, given)
    return arguments


def _check_equation(arguments: dict[str, Any], given: dict[str, Any]) -> None:
    number = arguments.get("batches")
    if number is not None and arguments.get("sampling") == "full":
        raise InputError(
            f"--batches needs --sampling shuffled or replacement; got {given['batches']}, full"
        )
    if number is not None and number.is_number and not (number.is_integer and number >= 1):
        raise InputError(
            f"--batches must be an integer of at least 1, or a name; got {given['batches']}"
        )


def _text(name: str, derived: Any, form: str, losses: list[sp.Expr] | None) -> str:
    """Return the result of a derivation as text."""
    voice = VOICES[form]
    match derived:
        case Update():
            return voice.rule(derived)
        case ModifiedField():
            return _field(derived, form)
        case ModifiedEquation():
            if form not in ("text", "latex"):
                raise InputError(f"--format of modified-equation must be text or latex; got {form}")
            return derived.text() if form == "text" else derived.latex()
    results, state = _results(derived, losses), () if losses is None else _weights(losses)
    if voice.equation is None:
        named = {label or "the loss": value for label, value in results.items()}
        return voice.rule(Formula(name, state, named))
    return "\n".join(voice.equation(label, value) for label, value in results.items())


def _results(derived: sp.Expr, losses: list[sp.Expr] | None) -> dict[str, sp.Expr]:
    """Return a derived expression in the form in which it is printed, by name."""
    if losses is None:
        return {"V": derived, "a_eff": equivalent_rate(derived)}
    loss = _tidied(derived, losses)
    note("Collect the powers of the step size.", (name_apart("M", _weights(losses)), loss))
    return {"": loss}


def _field(field: ModifiedField, form: str) -> str:
    written = {"text": field.text, "latex": field.latex, "mathml": field.mathml}
    return written[form]() if form in written else VOICES[form].rule(field.formula())


def _tidied(loss: sp.Expr, losses: list[sp.Expr]) -> sp.Expr:
    """Return a modified loss by powers of the step size, or raise InputError."""
    if loss.has(sp.Integral):
        raise InputError(
            f"the modified loss of {', '.join(map(str, losses))} must have a closed form, and "
            "has none at this order; modified-field derives its gradient"
        )
    by_power: dict[sp.Expr, sp.Expr] = {}
    for term in sp.Add.make_args(loss):
        coefficient, power = term.as_coeff_exponent(STEP_SIZE)
        by_power[power] = by_power.get(power, 0) + coefficient
    return sp.Add(*(STEP_SIZE**power * factored(one) for power, one in by_power.items()))


def _number(option: str, text: str) -> sp.Expr:
    """Return a number or a formula in real symbols, or raise InputError."""
    try:
        found = loss_text.parse_loss(str(text) if isinstance(text, int | float) else text)
        if {"I", "E"} & set(map(str, found.free_symbols)):  # readers take them for numbers
            raise InputError(text)
    except ValueError:
        raise InputError(
            f"--{option} must be a real number, a name other than I, E, nan or inf, or a formula; "
            f"got {shown(text)}"
        ) from None
    return found


def _problem(texts: str | Sequence[str] | None) -> tuple[list[sp.Expr], list[sp.Symbol]]:
    """Return losses and weights, by default of a linear network of width 1 on one sample."""
    given = [texts] if isinstance(texts, str) else texts
    if not isinstance(given, list | tuple | None):
        raise InputError(f"--loss must be one text or several; got {shown(texts)}")
    losses = [loss_text.parse_loss(text) for text in given or ["(u*v)**2 / 2"]]
    state = list(_weights(losses))
    if not state:
        raise InputError(f"a loss must name at least 1 weight; got {', '.join(map(str, losses))}")
    if str(STEP_SIZE) in map(str, state):
        raise InputError("a weight must not be called eps, which is the step size; got eps")
    return losses, state


def _weights(losses: list[sp.Expr]) -> tuple[sp.Symbol, ...]:
    return tuple(sorted(set().union(*(loss.free_symbols for loss in losses)), key=str))
