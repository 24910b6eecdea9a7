"""Letters that the terminal, the font or UTF-8 does not have end no command."""

import io
import json
import sys

import numpy as np
import pytest

from catapult_sim import cli
from catapult_sim.plots import canvas

NAMES = ["é 日本 𝛌", "$x$", "\udce9"]  # the last is how Python names a file of Latin-1 letters
SMALL = ["--width", "100", "--c", "1", "--steps", "3", "--samples", "4"]


def terminal(monkeypatch, encoding="ascii"):
    """Print to a terminal of an encoding, which refuses what it cannot show."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    return stream


def told(terminal):
    terminal.flush()
    return terminal.buffer.getvalue().decode(terminal.encoding)


@pytest.mark.parametrize("name", NAMES)
def test_data_and_folder_of_any_name_are_computed_drawn_and_named(name, monkeypatch, tmp_path):
    stream = terminal(monkeypatch)
    rng, out = np.random.default_rng(0), tmp_path / f"{name} out"
    data = tmp_path / f"{name}.npz"
    try:
        with data.open("wb") as file:
            np.savez(file, X=rng.normal(size=(20, 3)), y=rng.normal(size=20))
    except OSError:
        pytest.skip("this file system has no such names")
    given = ["simulate", *SMALL, "--data", str(data), "--out", str(out)]
    assert cli.main(given) == 0
    assert cli.main(["figures", "--from", str(out)]) == 0
    escaped = str(out).encode("ascii", "backslashreplace").decode()
    assert told(stream).count(escaped) == 2
    assert json.loads((out / "config.json").read_text())["options"]["data"] == str(data)


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", r"\u03bb"), ("utf-8", "λ")])
def test_a_formula_in_greek_is_printed(encoding, shown, monkeypatch):
    stream = terminal(monkeypatch, encoding)
    assert cli.main(["derive", "modified-loss", "--loss", "λ**2"]) == 0
    assert shown in told(stream)


def test_a_report_on_data_of_any_name_is_written(tmp_path):
    rng = np.random.default_rng(0)
    data = tmp_path / "\udce9.npz"
    with data.open("wb") as file:
        np.savez(file, X=rng.normal(size=(20, 3)), y=rng.normal(size=20))
    claim = ["--claims", "catapult.one-sample", "--data", str(data)]
    assert cli.main(["verify", *claim, "--out", str(tmp_path / "out")]) == 0
    assert r"\udce9.npz" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("é λ η", "é λ η"),
        ("日", r"\u65e5"),
        ("\udce9\x00", r"\udce9\x00"),
        ("$\\frac$", "$\\frac$"),
    ],
)
def test_a_title_escapes_what_its_font_does_not_have(title, shown):
    figure, _ = canvas.panels(size=(4, 3))
    canvas.entitle(figure, title)
    assert figure.get_suptitle() == shown
    figure.draw_without_rendering()
