"""Derivations step by step: true in every step, and the last one is the result."""

import re
import xml.etree.ElementTree as ElementTree
from functools import cache

import numpy as np
import pytest
import sympy as sp
from matplotlib.mathtext import MathTextParser

from catapult_sim import cli
from catapult_sim.symbolic import Update, derivations, linear_net, printed
from catapult_sim.symbolic.backward_error import ModifiedEquation, ModifiedField
from catapult_sim.symbolic.step_by_step import FORMS
from catapult_sim.symbolic.steps import Step, note, recording
from catapult_sim.symbolic.voices import formulas
from catapult_sim.validation import InputError
from tests.symbolic import worlds

SAMPLE = [
    "labelled-sample-map", "residual-map", "edge-map", "edge-law", "two-factor-map",
    "invariant-law",
]  # fmt: skip
UNLABELLED = ["sample-map", "scaled-map"]
BLOCKS = ["closure", "function-space", "large-error-map"]
MOMENTS = ["sgd", "heavy-ball", "nesterov", "averaged"]
VARIANCES = ["sgd", "heavy-ball", "nesterov", "ema", "two-point", "swa", "shuffled"]
FIELDS = ["modified-equation", "modified-field", "modified-loss"]
EVERY = {
    *SAMPLE, *UNLABELLED, *BLOCKS, *FIELDS, "balanced-map", "infinite-width-map",
    *(f"minibatch-{one}" for one in MOMENTS), *(f"variance-{one}" for one in VARIANCES),
}  # fmt: skip

OPTIONS = [
    *((name, {}) for name in sorted(EVERY)),
    ("closure", {"inputs": 2, "outputs": 3}),
    ("function-space", {"samples": 4}),
    ("modified-equation", {"sampling": "full", "order": 4}),
    ("modified-equation", {"sampling": "replacement", "order": 2, "batches": "k"}),
    ("modified-equation", {"sampling": "full", "momentum": "rho", "nesterov": True}),
    ("modified-field", {"sampling": "full", "momentum": "1/2", "order": 2}),
    ("modified-field", {"sampling": "reversed_pair", "loss": ["x**4", "x**2*y"], "order": 2}),
    ("modified-loss", {"loss": ["exp(x)*y", "sin(y)"]}),
    ("modified-loss", {"loss": ["x**4", "x**2"], "order": 3, "sampling": "full"}),
]


KNOWN = {}


def derivation_steps(name, **options):
    """Derive each of them once for all tests."""
    key = name, str(options)
    if key not in KNOWN:
        KNOWN[key] = printed.derivation_steps(name, **options)
    return KNOWN[key]


def test_every_derivation_is_among_those_whose_steps_are_checked():
    assert set(derivations()) == EVERY


def evaluated(side, world, sizes):
    """Put numbers into a side of an equation."""
    side = side.subs(sizes)
    free = [s for s in side.free_symbols if s.name in world]
    blocks = {s: sp.ImmutableMatrix(world[s.name]) for s in free if s.is_Matrix}
    found = side.xreplace(blocks).subs({s: world[s.name] for s in free if not s.is_Matrix}).doit()
    values = found.as_mutable().evalf(25).tolist() if found.is_Matrix else found.evalf(25)
    return np.array(values, dtype=float).squeeze()


def check(steps, world, sizes=None):
    """Compare both sides of every equation whose symbols have numbers; return how many."""
    compared = 0
    for step in steps:
        for left, right in step.equations:
            sides = [evaluated(side, world, sizes or {}) for side in (left, right)]
            np.testing.assert_allclose(
                *sides, rtol=1e-10, atol=1e-12, err_msg=f"{step.what} {left}"
            )
            compared += 1
    return compared


def sizes_of(inputs, outputs, samples, width):
    symbols = (*sp.symbols("d k m", integer=True, positive=True), linear_net.n)
    return dict(zip(symbols, (inputs, outputs, samples, width), strict=True))


@pytest.mark.parametrize("name", SAMPLE)
@pytest.mark.parametrize("seed", range(3))
def test_every_step_is_true_of_a_network_on_one_sample(name, seed):
    rng = np.random.default_rng(seed)
    world = worlds.one_sample(rng.normal(size=5), rng.normal(size=5), rng.normal(), rng.uniform())
    assert check(derivation_steps(name), world) > 15


@pytest.mark.parametrize("name", UNLABELLED)
def test_every_step_is_true_without_a_label(name):
    rng = np.random.default_rng(0)
    world = worlds.one_sample(rng.normal(size=5), 2 + rng.normal(size=5), 0.0)
    assert check(derivation_steps(name), world) > 15


def test_every_step_to_the_balanced_map_is_true_of_equal_layers():
    u = np.random.default_rng(0).normal(size=5)
    assert check(derivation_steps("balanced-map"), worlds.one_sample(u, u, 0.7)) > 20


def test_the_limit_of_infinite_width_is_the_last_step_and_approached():
    steps = derivation_steps("infinite-width-map")
    rng = np.random.default_rng(0)
    assert check(steps[:-1], worlds.one_sample(rng.normal(size=5), rng.normal(size=5), 0.0)) > 15
    assert steps[:-1] == derivation_steps("sample-map").steps
    u, v = rng.normal(size=(2, 10**6))
    world = worlds.one_sample(u, v, 0.0)
    for left, right in steps[-1].equations:
        sides = [evaluated(side, world, {}) for side in (left, right)]
        np.testing.assert_allclose(*sides, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("outputs", [1, 3])
def test_every_step_is_true_of_a_network_on_any_data(outputs, seed):
    rng = np.random.default_rng(seed)
    shapes = [(5, 2), (5, outputs), (4, 2), (4, outputs)]
    world = worlds.linear_network(*(rng.normal(size=shape) for shape in shapes))
    sizes = dict(
        zip(sp.symbols("d k m", integer=True, positive=True), (2, outputs, 4), strict=True)
    )
    sizes[linear_net.n] = 5
    names = ["closure"] if outputs > 1 else ["closure", "function-space"]
    for name in names:
        assert check(derivation_steps(name), world, sizes) > 15


def test_every_step_is_true_of_a_large_error_along_an_eigenvector():
    # Inputs that are orthogonal and of one length, and U of rank one: the outputs are such.
    rng = np.random.default_rng(0)
    X = 1.3 * np.linalg.qr(rng.normal(size=(4, 4)))[0][:3]
    V = rng.normal(size=(5, 1))
    world = worlds.linear_network(V @ rng.normal(size=(1, 4)), V, X, np.zeros((3, 1)))
    kernel, e = world["Theta"], world["e"]
    np.testing.assert_allclose(kernel @ e, world["lam"] * e, atol=1e-12)
    assert check(derivation_steps("large-error-map"), world, sizes_of(4, 1, 3, 5)) > 30


@pytest.mark.parametrize("method", MOMENTS)
def test_every_step_is_true_of_mean_and_covariance(method):
    rng = np.random.default_rng(0)
    size = len(worlds.matrices(method, 0.1)[0])
    spread = rng.normal(size=(size, size))
    world = worlds.minibatches(
        method, rng.normal(size=size), spread @ spread.T, (rng.normal(size=size), rng.normal())
    )
    assert check(derivation_steps(f"minibatch-{method}"), world) > 6


def autocovariance(lag):
    a = worlds.ETA * worlds.H
    return worlds.stationary("sgd")[0, 0] * (1 - a) ** lag


@pytest.mark.parametrize("name", VARIANCES)
def test_every_step_is_true_of_the_stationary_variance(name):
    method = {"ema": "averaged"}.get(name, name)
    method = method if method in MOMENTS else "sgd"
    covariance, a = worlds.stationary(method), worlds.ETA * worlds.H
    size = len(covariance)
    world = worlds.minibatches(method, np.zeros(size), covariance, (np.full(size, 0.4), -0.3))
    world |= {"k": 4, "g": 3, "m": 4, "t": 2, "w": a * (1 - a) ** 2}
    of_mean = sum(autocovariance(abs(i - j)) for i in range(4) for j in range(4)) / 16
    world["Q"] = worlds.epoch_variance(4)
    world["V"] = {
        "ema": covariance[-1, -1],
        "two-point": (autocovariance(0) + autocovariance(3)) / 2,
        "swa": of_mean,
        "shuffled": world["Q"] / (1 - (1 - a) ** 8),
    }.get(name, covariance[0, 0])
    world["a_eff"] = 2 * world["V"] / (1 + world["V"])
    decay, one = sp.Function("mu"), sp.Symbol("V_xx'")
    steps = [
        Step(
            step.what,
            tuple(
                (left.replace(decay, lambda age: sp.Float(1 - a) ** age), right)
                for left, right in step.equations
            ),
        )
        for step in derivation_steps(f"variance-{name}")
    ]
    assert one.name in world
    assert check(steps, world) > 9


def gradient_parts():
    """Differentials of the default loss ``(u v)^2 / 2`` at a point, by hand."""
    u, v = 0.7, -1.3
    f = np.array([-u * v**2, -(u**2) * v])
    jacobian = np.array([[-(v**2), -2 * u * v], [-2 * u * v, -(u**2)]])
    second = np.array([  # of each component by both weights
        [[0, -2 * v], [-2 * v, -2 * u]],
        [[-2 * v, -2 * u], [-2 * u, 0]],
    ])  # fmt: skip
    return u, v, f, jacobian, np.einsum("kij,i,j->k", second, f, f)


def test_every_step_is_true_of_the_modified_field_to_second_order():
    u, v, f, jacobian, bent = gradient_parts()
    eps = 0.05
    total = f - eps / 2 * jacobian @ f + eps**2 * (jacobian @ jacobian @ f / 3 + bent / 12)
    world = {"u": u, "v": v, "eps": eps, "C": (u * v) ** 2 / 2, "C_1": (u * v) ** 2 / 2}
    values = {
        "f": f, "f'f": jacobian @ f, "f'f'f": jacobian @ jacobian @ f, "f''(f, f)": bent,
    }  # fmt: skip
    for i, w in enumerate("uv"):
        world |= {f"({tree})_{w}": value[i] for tree, value in values.items()}
        world |= {f"dC/d{w}": -f[i], f"dC_1/d{w}": -f[i], f"d{w}/dt": total[i]}
    # Hairer, Lubich, Wanner, IX.9: f - f'f / 2 + f'f'f / 3 + f''(f, f) / 12, of symmetry 2.
    world |= {"b(f)": 1, "b(f'f)": -1 / 2, "b(f'f'f)": 1 / 3, "b(f''(f, f))": 1 / 6}
    steps = derivation_steps("modified-field", sampling="full", order=2)
    numbers = [step for step in steps if not set("wf") & names_of(step)]
    assert check(numbers, world) > 20
    assert len(steps) - len(numbers) == 2  # the method, and the field in differentials


def names_of(step):
    sides = [side for equation in step.equations for side in equation]
    return {s.name for side in sides for s in side.atoms(sp.Symbol)}


def test_every_step_is_true_of_the_modified_loss():
    u, v, f, _, _ = gradient_parts()
    eps = 0.05
    world = {"u": u, "v": v, "eps": eps, "C": (u * v) ** 2 / 2, "C_1": (u * v) ** 2 / 2}
    world["M"] = world["C"] + eps / 4 * f @ f
    world |= {f"{C}/d{w}": -f[i] for i, w in enumerate("uv") for C in ("dC", "dC_1")}
    world |= {"b(f_1)": 1, "b(f_1'f_1)": -1 / 2, "b(f_1'f_2)": 0}
    steps = derivation_steps("modified-loss")
    assert check([step for step in steps if not set("wf") & names_of(step)], world) > 10


@pytest.mark.parametrize("momentum", [0, sp.Rational(1, 3)])
def test_the_field_of_differentials_is_the_logarithm_on_a_parabola(momentum):
    # With f = -x the iterates are x rho^t, where rho solves the method's characteristic equation.
    options = {"momentum": str(momentum)} if momentum else {}
    (left, right) = derivation_steps("modified-equation", sampling="full", order=4, **options)[
        -1
    ].equations[0]
    assert left.name == "dw/dt"
    eps = sp.Symbol("eps")
    chains = {s: (-1) ** (s.name.count("f")) * ("(" not in s.name) for s in right.free_symbols}
    chains.pop(eps)
    z = sp.Symbol("z")
    root = sp.series(
        sp.solve(z**2 - (1 + momentum - eps) * z + momentum, z)[-1] if momentum else 1 - eps,
        eps, 0, 7,
    ).removeO()  # fmt: skip
    expected = sp.series(sp.log(root) / eps, eps, 0, 5).removeO()
    assert sp.expand(right.subs(chains) - expected) == 0


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_the_last_step_is_the_result(name, options):
    steps = derivation_steps(name, **options)
    last = dict(steps[-1].equations)
    derived = derived_by(name, options)
    match derived:
        case Update():
            images = {f"{s.name}'": new for s, new in zip(derived.state, derived.next, strict=True)}
            expected = {s.name: value for s, value in derived.where.items()} | images
            assert {s.name: value for s, value in last.items()} == expected
        case ModifiedEquation():
            (right,) = last.values()
            parts = right.as_coefficients_dict(*map(sp.Symbol, map(str, derived.coefficients)))
            eps = sp.Symbol("eps")
            for tree, coefficient in derived.coefficients.items():
                found = parts[sp.Symbol(str(tree))] / eps ** (tree.order - 1)
                assert sp.simplify(found - coefficient) == 0
        case ModifiedField():
            for right, total in zip(last.values(), derived.total(), strict=True):
                assert sp.simplify(right - total) == 0
        case _ if name == "modified-loss":
            assert sp.simplify(last[sp.Symbol("M")] - derived) == 0
        case _:
            equations = [equation for step in steps for equation in step.equations]
            assert [right for left, right in equations if str(left) == "V"][-2] == derived
            (rate,) = last.values()
            at = {
                s: sp.Rational(1, k + 3) for k, s in enumerate(sorted(rate.free_symbols, key=str))
            }
            at |= {s: 5 for s in at if s.is_integer}
            assert rate.subs(at) == (2 * derived / (1 + derived)).subs(at)


def derived_by(name, options):
    """Derive once more, with the same options and nobody to record."""
    known, given = printed._asked(name, options)
    return known.derive(**printed._arguments(known, given))


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_steps_are_sentences_with_equations_that_say_something(name, options):
    steps = derivation_steps(name, **options)
    assert len(steps) > 3
    for step in steps:
        assert re.fullmatch(r"[A-Z].*[.:]", step.what)
        assert step.equations
        assert all(left != right for left, right in step.equations)
    assert len({step.what for step in steps if step.what != "Collect."}) > 3


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_text_fits_a_hundred_columns_and_explains_its_symbols(name, options):
    steps = derivation_steps(name, **options)
    text = steps.text()
    assert max(map(len, text.splitlines())) <= 100
    equations, _, where = re.sub(r"\s+", " ", text).rpartition(" where ")
    told = {one.split(" = ")[0] for one in where.split("; ")}
    defined = {str(left).rstrip("'") for step in steps for left, _ in step.equations}
    used = {name.rstrip("'") for step in steps for name in names_of(step)}
    weights = set("uvxyt") if name in FIELDS else set()
    plain = {one for one in used if re.fullmatch(r"\w+", one)} - {"d", "k", "m"} - weights
    assert plain <= told | defined | {"f_2", "f_3", "f_4"}, plain - told - defined
    assert equations


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_mathml_is_one_xml_document_with_a_formula_for_each_equation(name, options):
    steps = derivation_steps(name, **options)
    document = ElementTree.fromstring(steps.mathml())
    ids = [one.get("id") for one in document.iterfind(".//li/math")]
    assert len(ids) == len(set(ids)) == sum(len(step.equations) for step in steps)
    assert [said.text for said in document.iterfind(".//li/p")] == [step.what for step in steps]


def rows_of(latex):
    for block in re.findall(r"\\begin{align\*}\n(.*?)\n\\end{align\*}", latex, flags=re.DOTALL):
        joined = block.replace(" \\\\\n&\\quad", "")
        yield from joined.split(" \\\\\n")


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_latex_is_read_by_another_program_and_has_every_equation(name, options):
    steps = derivation_steps(name, **options)
    slides, page = steps.beamer(), steps.latex()
    for latex in (slides, page):
        opened = re.findall(r"\\begin{(\S+)}", latex)
        assert sorted(opened) == sorted(re.findall(r"\\end{(\S+)}", latex))
    rows = list(rows_of(page))
    assert rows == list(rows_of(slides))
    assert len(rows) == sum(len(step.equations) for step in steps)
    for row in rows:
        parsed(row)


@cache
def parsed(row):
    # Matplotlib has no tr and no letter for the identity.
    plain = row.replace("&=", "=").replace(r"\mathbb{I}", "I")
    return MathTextParser("path").parse(f"${plain.replace(r'operatorname{tr}', 'mathrm{tr}')}$")


@pytest.mark.parametrize("name", ["sample-map", "variance-sgd", "closure"])
def test_slides_begin_with_the_aim_and_the_letters_and_end_with_the_result(name):
    steps = derivation_steps(name)
    aim, letters, *others, last = steps.beamer().split(r"\begin{frame}")[1:]
    assert f"\\frametitle{{{name}}}\n{formulas.escaped(derivations()[name].summary)}." in aim
    assert f"\n{len(steps)} step" in aim
    assert f"\\frametitle{{{name}: symbols}}" in letters
    assert len(others) == len(steps) - 1
    for number, frame in enumerate(others, 1):
        assert f"\\frametitle{{{name}: step {number} of {len(steps)}}}" in frame
    assert f"\\frametitle{{{name}: result}}" in last
    assert list(rows_of(last)) == list(rows_of(steps.latex()))[-len(steps[-1].equations) :]


def test_a_slide_holds_few_equations():
    frames = derivation_steps("modified-equation").beamer().split(r"\begin{frame}")[1:]
    assert max(len(list(rows_of(frame))) for frame in frames) <= 5
    titles = [re.search(r"\\frametitle{modified-equation(.*)}", frame)[1] for frame in frames]
    assert titles[:4] == ["", ": symbols", ": step 1 of 4", ": step 2 of 4"]
    assert titles[-1].startswith(": result")
    assert len(set(titles)) > len({title.removesuffix(", continued") for title in titles}) == 6


def test_time_is_an_index_only_where_a_step_is_taken():
    latex = derivation_steps("sample-map").latex()
    assert "L &= \\frac{f^{2}}{2}" in latex
    assert r"\lambda_{t+1} &= \frac{\eta f_{t}^{2} \left(\eta \lambda_{t} - 4\right)}{n}" in latex
    rule = linear_net.sample_map().latex().splitlines()
    assert [line.replace(" = ", " &= ") for line in rule] == list(rows_of(latex))[-2:]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("modified-loss", {"loss": ["C**2*M", "C_1*C*M"]}),
        ("modified-loss", {"loss": ["M**2"], "order": 2, "sampling": "full"}),
        ("modified-field", {"loss": ["C**2", "C_1**2"], "order": 2}),
        ("modified-equation", {"sampling": "full", "momentum": "w"}),
        ("modified-equation", {"sampling": "full", "momentum": "z", "nesterov": True}),
    ],
)
def test_no_name_means_two_things(name, options):
    steps = derivation_steps(name, **options)
    given = set(re.findall(r"[A-Z]\w*", " ".join(options.get("loss", [])))) or {options["momentum"]}
    assert not {str(left) for step in steps for left, _ in step.equations} & given
    assert len(set(rows_of(steps.latex()))) > 3
    ElementTree.fromstring(steps.mathml())


def test_a_derivation_is_shown_in_sentences():
    lines = repr(derivation_steps("sample-map")).splitlines()
    assert lines[:2] == [
        "Derivation of sample-map, step by step:",
        "    1. The loss depends on the weights through the product of the two layers alone.",
    ]


def test_nothing_is_noted_where_nobody_records_and_nothing_twice():
    note("Unheard.", (sp.Symbol("x"), sp.Integer(1)))
    with recording() as steps:
        note("Heard.", (sp.Symbol("x"), sp.Integer(1)))
        with recording() as inner:
            note("Apart.")
        note("Heard.", (sp.Symbol("x"), sp.Integer(1)))
    assert [step.what for step in steps] == ["Heard."]
    assert [step.what for step in inner] == ["Apart."]


def test_steps_of_any_call_can_be_recorded():
    with recording() as steps:
        linear_net.sample_map(label=sp.Symbol("target", real=True))
    assert any("target" in names_of(step) for step in steps)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["sample-map", "modified-field"])
def test_the_command_prints_steps(name, form, capsys):
    assert cli.main(["derive", name, "--steps", "--format", form]) == 0
    assert capsys.readouterr().out == FORMS[form](derivation_steps(name)) + "\n"


def test_options_and_formats_are_refused_in_one_sentence(capsys):
    with pytest.raises(InputError, match="sample-map takes no options; got --order"):
        derivation_steps("sample-map", order=2)
    with pytest.raises(InputError, match="no modified loss exists from order 2"):
        derivation_steps("modified-loss", order=2)
    for extra, sentence in (
        (["--steps", "--format", "python"], "with --steps must be one of text, .*, beamer, mathml"),
        (["--format", "beamer"], "--format beamer is of whole derivations: add --steps"),
        (["--format", "word"], "--format must be one of text, latex, mathml, numpy"),
    ):
        assert cli.main(["derive", "sample-map", *extra]) == 2
        assert re.search(sentence, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"loss": 3}, "--loss must be one text or several; got 3"),
        ({"loss": ["x**2", 3]}, "must be"),
        ({"loss": "x**"}, "loss"),
    ],
)
def test_what_is_no_text_of_a_loss_is_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        printed.derivation_steps("modified-loss", **options)


def test_options_may_be_numbers_and_a_single_text():
    one = printed.derivation_steps("modified-loss", loss="x**2")
    assert one.steps == printed.derivation_steps("modified-loss", loss=["x**2"]).steps
    four = printed.derivation_steps("modified-equation", batches=4)
    assert four.steps == printed.derivation_steps("modified-equation", batches="4").steps


def test_deriving_alone_prints_what_it_did():
    assert printed.derive("sample-map", "text").text.startswith("f' = ")


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_every_form_says_what_the_letters_mean(name, options):
    steps = derivation_steps(name, **options)
    equations, told = steps.text().rsplit("\nwhere ", 1)
    words = set(re.findall(r"\w+", equations))
    names = [name for name in steps.symbols if name in words]
    meanings = [steps.symbols[name] for name in names]
    assert all(f"{name} = " in told.replace("\n", " ") for name in names)
    latex = [formulas.escaped(meaning) for meaning in meanings]
    *_, last = steps.latex().split("\n\nwhere ")
    assert re.split(r"(?:; )?\$[^$]+\$ = ", last)[1:] == latex
    symbols = steps.beamer().split(r"\end{frame}")[1]
    assert re.split(r"\n?\\item\[\$[^$]+\$\] ", symbols.split("\n\\end{d")[0])[1:] == latex
    where = ElementTree.fromstring(steps.mathml()).find("p[@class='where']")
    said = [letter.tail.strip(" =;") for letter in where]
    assert said == [meaning.strip(" =;") for meaning in meanings]
    assert len({ElementTree.tostring(letter[0]) for letter in where}) == len(meanings)


def test_a_letter_of_the_legend_is_the_letter_of_the_equations():
    latex = derivation_steps("sample-map").latex()
    assert r"$\lambda$ = (\textbar{}u\textbar{}\^{}2 + " in latex
    assert r"\lambda_{t+1} &=" in latex
