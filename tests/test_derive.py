"""The command ``derive``: every name in every format, and its refusals."""

import json
import re
import shutil
import subprocess
import sys
import time
import types
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import catapult_sim
from catapult_sim import cli, progress
from catapult_sim.symbolic import derivations, printed
from catapult_sim.symbolic.voices import VOICES
from catapult_sim.validation import InputError

SHUFFLED = ["modified-equation", "--sampling", "shuffled"]
SIZES = {"closure": {"inputs": 2, "outputs": 1}, "function-space": {"samples": 2}}
u, v, x, y, eps = sp.symbols("u v x y eps")


def read(text):
    """Read printed Python back, in symbols without assumptions."""
    return sp.sympify(text, locals={"u": u, "v": v, "x": x, "y": y, "eps": eps})


@pytest.mark.parametrize("name", derivations())
@pytest.mark.parametrize("form", VOICES)
def test_everything_can_be_had_in_every_format_that_it_has(name, form):
    if name == "modified-equation" and form not in ("text", "latex"):
        with pytest.raises(InputError, match="must be text or latex; got"):
            printed.derive(name, form)
    else:
        assert printed.derive(name, form, **SIZES.get(name, {})).text.strip()


def test_the_listing_has_a_summary_for_every_name():
    assert [name for name, _, _ in printed.listing()] == list(derivations())
    assert all(summary and "`" not in summary for _, summary, _ in printed.listing())


def test_every_module_with_a_derivation_is_in_the_catalogue():
    package = Path(catapult_sim.symbolic.__file__).parent
    written = [
        name
        for path in package.rglob("*.py")
        for name in re.findall(
            r"^@derivation\(\s*\"([\w-]+)\"", path.read_text(), flags=re.MULTILINE
        )
    ]
    assert sorted(written) == list(derivations())


def test_the_help_of_format_names_every_voice(capsys):
    with pytest.raises(SystemExit):
        cli.main(["derive", "--help"])
    shown = capsys.readouterr().out
    assert [voice for voice in VOICES if not re.search(rf"\b{voice}\b", shown)] == []


def test_the_listing_names_others_as_they_are_derived():
    summaries = {name: summary for name, summary, _ in printed.listing()}
    assert summaries["scaled-map"].startswith("Rewrite sample-map in s")
    assert not any("_" in summary for summary in summaries.values())


def test_the_modified_loss_of_shuffled_batches_is_the_paper_s_equation_1():
    losses = [x**4, x**2 * y]
    mean = sum(losses) / 2
    squares = sum(sp.diff(loss, w) ** 2 for loss in losses for w in (x, y))
    equation = printed.derive("modified-loss", "text", loss=["x**4", "x**2 * y"]).text
    assert sp.expand(read(equation) - (mean + eps * squares / (4 * 2))) == 0


def test_gradient_descent_on_a_quadratic_follows_the_logarithm():
    # The rate of a quadratic mode is ln(1 - eps)/eps: -1 - eps/2 - eps^2/3 - ...
    lines = printed.derive("modified-field", "text", loss=["x**2/2"], order=3).text.splitlines()
    rates = [read(line.split(": ")[1]) / x for line in lines]
    assert rates == [-1, -sp.Rational(1, 2), -sp.Rational(1, 3), -sp.Rational(1, 4)]


def test_latex_of_the_modified_equation_goes_to_order_five():
    lines = printed.derive("modified-equation", "latex", order=5, sampling="full").text.splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith(r"+ \varepsilon^{5}")


def test_printed_python_runs_as_it_stands():
    source = str(printed.derive("closure", "python", inputs=2, outputs=1))
    call = "closure([1, 0, 0, 1, 0.5, 0.2, 1], 0.1, 10, 1, 0, 0, 1, 0, 0)"
    done = subprocess.run(
        [sys.executable, "-c", f"{source}\nprint(len({call}))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "7\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "a name is required"),
        (["catapul"], "the name must be one of balanced-map, .* got 'catapul'"),
        (["samplemap"], "the name must be such as sample-map, .* got 'samplemap'"),
        (["modified_loss"], "such as modified-loss, modified-.*; got 'modified_loss'"),
        (["sample-map", "--order", "2"], "sample-map takes no options; got --order"),
        (["closure", "--order", "2"], "closure takes --inputs, --outputs; got --order"),
        (["sample-map", "--format", "word"], "--format must be one of text, .* got 'word'"),
        (["closure", "--format", "python"], "code requires blocks of explicit size"),
        (["sample-map", "--format", "beamer"], "--format beamer is .*: add --steps"),
        (["modified-equation", "--order", "6"], "order must be at most 5 for shuffled .* got 6"),
        (
            ["modified-equation", "--order", "11", "--sampling", "full"],
            "order must be at most 10 for gradient descent, full batch: .* got 11",
        ),
        (["modified-field", "--order", "30"], "order must be at most 5 for shuffled .* got 30"),
        (["modified-loss", "--order", "30"], "order must be at most 5 for shuffled .* got 30"),
        (
            ["modified-field", "--order", "4", "--loss", "*".join(f"(1+u{i})" for i in range(25))],
            r"order 4 with 25 weights and 1 minibatches takes .* at most 1e\+07 are formed",
        ),
        (
            ["modified-field", "--loss", "u**2", "--sampling", "full", "--momentum", "u"],
            "momentum must have another name than weights and step size; got u",
        ),
        (
            ["modified-equation", "--sampling", "full", "--momentum", "eps"],
            "--momentum must not be called eps, which has a meaning of its own",
        ),
        (
            ["modified-loss", "--loss", "sqrt(x)", "--order", "2"],
            "of sqrt.x. must have a closed",
        ),
        (
            ["modified-loss", "--order", "2"],
            "no modified loss exists from order 2 .* of shuffled mini-batches, mean epoch turns",
        ),
        (["modified-loss", "--loss", "open('f')"], 'a loss may hold names, .* got "open'),
        (["modified-loss", "--loss", "2"], "a loss must name at least 1 weight; got 2"),
        (["modified-loss", "--loss", "eps*x"], "a weight must not be called eps"),
        (["modified-equation", "--sampling", "odd"], "sampling must be one of .* got 'odd'"),
        (
            ["modified-equation", "--momentum", "x+"],
            "--momentum must be a real number, a name other .*'x[+]'",
        ),
        (
            ["modified-equation", "--sampling", "full", "--batches", "2"],
            "--batches needs --sampling shuffled or .* full",
        ),
        ([*SHUFFLED, "--batches", "0"], "--batches must be an integer of at least 1, .* got 0"),
        ([*SHUFFLED, "--batches", "5/2"], "--batches must be an integer of at least 1, .*got 5/2"),
    ],
)
def test_a_wrong_call_gets_one_sentence_and_status_2(arguments, sentence, capsys):
    assert cli.main(["derive", *arguments]) == 2
    seen = capsys.readouterr()
    assert seen.out == ""
    assert len(seen.err.splitlines()) == 1
    assert re.search(sentence, seen.err)


@pytest.mark.parametrize(
    "loss",
    [
        "(u+v)**300",
        "*".join(f"(1+u{i})" for i in range(8)),
        "(u+v+w+x+y+z)**10",
        "sin(" * 40 + "u" + ")" * 40,
        "0.1234567890123456789012345678901*u**2",
    ],
)
@pytest.mark.parametrize("name", ["modified-loss", "modified-field"])
def test_what_would_be_long_when_multiplied_out_is_left_as_it_is(name, loss):
    text = printed.derive(name, "text", loss=[loss]).text
    symbols = {f"u{i}": sp.Symbol(f"u{i}", real=True) for i in range(8)}
    symbols |= {letter: sp.Symbol(letter, real=True) for letter in "uvwxyz"}
    read_loss = sp.sympify(loss, locals=symbols, rational=True)
    weights = sorted(read_loss.free_symbols, key=str)
    at = {w: sp.Rational(k + 1, 10) for k, w in enumerate(weights)} | {eps: sp.Rational(1, 3)}
    slopes = [read_loss.diff(w) for w in weights]
    modified = read_loss + eps / 4 * sum(slope**2 for slope in slopes)
    if name == "modified-loss":
        found, expected = sp.sympify(text, locals=symbols), modified
    else:
        line = next(
            line for line in text.splitlines() if line.startswith(f"d{weights[0]}/dt, eps^0")
        )
        found, expected = sp.sympify(line.split(": ")[1], locals=symbols), -slopes[0]
    assert abs(found.subs(at).evalf(30) / expected.subs(at).evalf(30) - 1) < 1e-25


def test_a_bar_is_told_how_many_terms_were_found():
    told = []
    printed.derive("modified-field", "text", progress=told.append, order=3, sampling="full")
    # Eight trees have up to four vertices; the coefficient of one of them is zero.
    assert told == [1] * (8 + 7)


def test_derive_prints(capsys):
    assert cli.main(["derive", "sample-map", "--format", "latex"]) == 0
    assert r"\lambda_{t+1} = " in capsys.readouterr().out
    assert cli.main(["derive", "--list"]) == 0
    assert "modified-loss" in capsys.readouterr().out


@pytest.mark.parametrize("name", derivations())
def test_every_symbol_that_is_printed_has_a_legend(name):
    equation = printed.derive(name, "text")
    told = {one.split(" = ")[0] for one in equation.where.removeprefix("where ").split("; ")}
    symbols = set(re.findall(r"[A-Za-z]\w*", equation.text)) - {"Trace", "T"}
    weights = {"u", "v", "du", "dv", "dt"} if name in ("modified-field", "modified-loss") else set()
    assert symbols - weights <= told


def test_the_legend_is_of_the_text_alone(capsys):
    assert cli.main(["derive", "two-factor-map"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("where Y = eta y / sqrt(n), the label; D = F - Y")
    assert cli.main(["derive", "two-factor-map", "--format", "python"]) == 0
    assert "where" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["modified-equation", "modified-field", "modified-loss"])
def test_siblings_follow_the_same_method_and_name_it_first(name, capsys):
    for options, method in (
        ([], "shuffled mini-batches, mean epoch"),
        (["--sampling", "full"], "gradient descent, full batch"),
    ):
        assert cli.main(["derive", name, *options]) == 0
        assert capsys.readouterr().out.startswith(method)


def test_what_is_printed_is_true_of_its_call(capsys):
    assert cli.main(["derive", "modified-loss", "--loss", "x**4", "--loss", "x*y"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "shuffled mini-batches, mean epoch; losses x**4, x*y"
    assert lines[-1] == "where eps = step size"
    shuffled = ["derive", "modified-equation", "--order", "2", "--batches", "k"]
    assert cli.main(shuffled) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("k = batches of an epoch")
    heavy = ["derive", "modified-equation", "--sampling", "full", "--momentum", "mu"]
    assert cli.main(heavy) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "heavy ball, momentum mu, full batch"
    assert lines[-1].endswith("mu = momentum")


def test_the_method_is_a_comment_in_code():
    for form, comment in (("python", "# "), ("javascript", "// "), ("latex", "% ")):
        first, *formula = str(printed.derive("modified-loss", form)).splitlines()
        assert first.startswith(f"{comment}shuffled mini-batches")
        assert not any(line.startswith(comment) for line in formula)


@pytest.mark.parametrize("name", derivations())
def test_every_line_of_mathml_is_xml_by_itself(name):
    if name != "modified-equation":
        lines = str(printed.derive(name, "mathml", **SIZES.get(name, {}))).splitlines()
        assert {ElementTree.fromstring(line).tag for line in lines} == {"math"}
        assert all(line.isascii() for line in lines)


def values_in_python(source, *arguments):
    namespace = {}
    exec(source, namespace)
    (function,) = (one for one in namespace.values() if isinstance(one, types.FunctionType))
    return [float(value) for value in function(*arguments)]


def values_in_javascript(source, *arguments):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    called = re.search(r"function (\w+)", source)[1]
    script = f"{source}\nconsole.log(JSON.stringify({called}(...{json.dumps(arguments)})))"
    done = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("form", "values"),
    [
        ("python", values_in_python),
        ("numpy", values_in_python),
        ("javascript", values_in_javascript),
    ],
)
def test_fields_losses_and_variances_are_functions_in_code(form, values):
    losses = {"loss": ["x**4", "x**2 * y"]}
    w, step = [0.7, -1.3], 0.05
    at = dict(zip((x, y, eps), (*w, step), strict=True))
    mean, m = (x**4 + x**2 * y) / 2, 2
    squares = sum(sp.diff(one, v) ** 2 for one in (x**4, x**2 * y) for v in (x, y))
    modified = mean + eps * squares / (4 * m)
    loss = values(str(printed.derive("modified-loss", form, **losses)), w, step)
    np.testing.assert_allclose(loss, [float(modified.subs(at))], rtol=1e-14)
    field = values(str(printed.derive("modified-field", form, **losses)), w, step)
    slopes = [float(-sp.diff(modified, v).subs(at)) for v in (x, y)]
    np.testing.assert_allclose(field, slopes, rtol=1e-13)
    variance = values(str(printed.derive("variance-sgd", form)), 0.3)
    np.testing.assert_allclose(variance, [0.3 / (2 - 0.3), 0.3], rtol=1e-14)


UNREAL = [
    "sqrt(x)*sqrt(-x)",
    "log(x)*log(-x)",
    "sqrt(-x**2-1)",
    "sqrt(x)+sqrt(-1-x)",
    "(-2-x**2)**x",
]


@pytest.mark.parametrize("losses", [*([loss] for loss in UNREAL), ["sqrt(x)", "sqrt(-x)"]])
@pytest.mark.parametrize("name", ["modified-loss", "modified-field"])
def test_losses_that_are_real_nowhere_are_refused(name, losses):
    with pytest.raises(InputError, match="loss"):
        printed.derive(name, "text", loss=losses)


@pytest.mark.parametrize(
    "loss",
    ["sqrt(-x)", "log(x - 1000000)", "sqrt(x-100)*sqrt(101-x)", "sqrt(x)*sqrt(-y)", "sqrt(-x)/x"],
)
def test_losses_that_are_real_somewhere_are_derived(loss):
    assert "eps" in printed.derive("modified-loss", "text", loss=[loss]).text


NO_NAMES = ["nan", "NaN", "inf", "-inf", "Infinity", "oo", "zoo", "nan + 1", "I", "2*I", "E"]


@pytest.mark.parametrize("word", NO_NAMES)
@pytest.mark.parametrize("option", ["momentum", "batches", "repeats"])
def test_words_for_no_real_number_are_no_names(option, word):
    sampling = "full" if option == "momentum" else "shuffled"
    with pytest.raises(
        InputError, match=rf"--{option} must be a real number, a name other .*; got"
    ):
        printed.derive("modified-equation", "text", sampling=sampling, **{option: word})
    with pytest.raises(InputError, match="a loss must be finite"):
        printed.derive("modified-loss", "text", loss=["x * nan"])


def test_a_long_derivation_says_that_it_lives(monkeypatch, capsys):
    monkeypatch.setattr(progress, "DELAY", 0.001)
    monkeypatch.setattr(printed, "derive", lambda *_, **__: time.sleep(0.5) or "derived")
    assert cli.main(["derive", "modified-loss", "--loss", "x**1000", "--order", "5"]) == 0
    said = capsys.readouterr()
    assert said.out == "derived\n"
    lines = said.err.splitlines()
    assert 2 <= len(lines) <= 10  # ever more rarely
    expected = "catapult-sim derive: still at work on modified-loss to order 5 .* after 0 s"
    assert all(re.fullmatch(expected, line) for line in lines)
