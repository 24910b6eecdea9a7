"""The page as a file: one, small, complete, always the same."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import catapult_sim as cs
from catapult_sim import InputError
from catapult_sim.cli import main
from catapult_sim.page import colours, document, rules
from catapult_sim.plots import PHASE_COLOURS
from catapult_sim.symbolic.printed import derivation_steps


@pytest.fixture(scope="module")
def page():
    return cs.page.build()


def test_the_page_is_small(page):
    assert len(page.encode()) < 300_000


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_page_is_the_same_bytes_whenever_it_is_built(seed, page, tmp_path):
    code = f"import catapult_sim as cs; cs.page.write({str(tmp_path / 'page.html')!r})"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONHASHSEED": seed})
    assert (tmp_path / "page.html").read_bytes() == page.encode()


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_names_nothing_that_a_browser_would_load(page):
    for tag, attributes in Elements(page).found:
        assert tag not in ("iframe", "object", "embed", "img", "base")
        for name, value in attributes.items():
            if name in ("src", "href") and not (tag == "a" or value.startswith("data:,")):
                pytest.fail(f"<{tag} {name}={value}>")
    assert not re.search(r"@import|url\(|importScripts|fetch\(|XMLHttpRequest|WebSocket", page)


def test_ids_of_the_page_are_unique_and_what_is_referred_to_exists(page):
    found = Elements(page).found
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
    named = {a["aria-labelledby"] for _, a in found if "aria-labelledby" in a}
    assert named <= set(ids)


def test_every_scene_has_its_text_and_every_text_its_scene(page):
    ids = re.findall(r'^  id: "(\w+)",$', "\n".join(document.scripts().values()), re.MULTILINE)
    texts = re.findall(r'<section class="scene" id="scene-(\w+)"', page)
    assert sorted(ids) == sorted(texts)


def test_rules_and_formulas_of_the_page_are_the_derivations(page):
    for name in ("sample_map", "labelled_sample_map", "infinite_width_map", "edge_map"):
        module = "scaled" if name == "edge_map" else "sample"
        rule = getattr(getattr(cs.symbolic.linear_net, module), name)()
        assert rule.javascript(in_place=True) in page
    formula = cs.symbolic.linear_net.sample_map().mathml(ids=True).splitlines()[1]
    assert re.sub(r"&#(\d+);", lambda one: chr(int(one[1])), formula) in page


def test_colours_of_phases_are_those_of_the_figures(page):
    for phase, colour in PHASE_COLOURS.items():
        assert f"--{phase}: {colour};" in page


def luminance(colour):
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize(("screen", "paper"), [("light", "#ffffff"), ("dark", colours.DARK)])
def test_letters_in_the_colours_of_phases_can_be_read(screen, paper):
    # WCAG 2, contrast of text: 4.5. The canvas is not audited by axe.
    for name, colour in colours.css_colours()[screen].items():
        if name.endswith("-ink"):
            dark, light = sorted([luminance(colour), luminance(paper)])
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (screen, name)


def test_the_colours_of_final_curvatures_go_from_dark_to_light():
    steps = np.diff([luminance(colour) for colour in colours.final_curvature_ramp()])
    assert (steps > 0).all()


def test_the_digits_are_those_of_the_package():
    found = document.digits()
    levels = np.array([ord(letter) - 97 for letter in found["pixels"]]).reshape(-1, 64)
    X, y = cs.datasets.subset(*cs.datasets.digits(inputs="global"), 256, rng=0)
    assert abs((levels - found["mean"]) / found["deviation"] - X).max() < 1e-12
    assert (2 * np.array([int(digit) % 2 for digit in found["labels"]]) - 1 == y).all()
    assert found["trained"] == 64


def test_no_formula_of_the_page_is_typed_in_its_modules():
    # The step of the model needs eta^2: only the generated module may hold it.
    for path, source in document.scripts().items():
        if path != "rules.js":
            assert "Math.pow" not in source, path
            assert not re.search(r"eta \* eta \* f", source), path


def test_a_page_is_written_whole_or_not_at_all(tmp_path, monkeypatch, page):
    path = tmp_path / "page.html"
    path.write_text("before")
    assert cs.page.write(path) == path
    assert path.read_text("utf-8") == page
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        cs.page.write(path)
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    assert path.read_text("utf-8") == page


def test_the_command_writes_the_page_and_opens_it(tmp_path, monkeypatch, capsys, page):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    path = tmp_path / "a page.html"
    assert main(["page", "--out", str(path)]) == 0
    assert (path.read_text("utf-8"), opened) == (page, [])
    assert main(["page", "--out", str(path), "--open"]) == 0
    assert opened == [path.as_uri()]
    assert capsys.readouterr().out.split("\n")[0] == str(path)
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert main(["page", "--out", str(path), "--open"]) == 0
    assert "no browser was found" in capsys.readouterr().out


def test_the_command_refuses_a_folder_that_is_not_there(tmp_path, capsys):
    assert main(["page", "--out", str(tmp_path / "missing" / "page.html")]) == 2
    assert "got '" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["", "missing/page.html"])
def test_a_place_where_no_file_can_be_is_refused(place, tmp_path):
    with pytest.raises(InputError, match="path must be a file in a folder that exists; got"):
        cs.page.write(tmp_path / place)


@pytest.mark.parametrize("path", [None, 3, 1.5, [], b"page.html", {"a": 1}, np.ones(2)])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InputError, match="path must be a path; got"):
        cs.page.write(path)


@pytest.mark.parametrize("name", ["a\0b/c", "a\0b"])
def test_a_name_that_no_file_can_have_is_refused(name):
    with pytest.raises(InputError, match="a file in a folder that exists"):
        cs.page.write(name)


def test_the_files_of_the_page_are_declared_as_data_of_the_package():
    import configparser

    root = Path(cs.__file__).parents[1]
    settings = configparser.ConfigParser()
    settings.read(root / "setup.cfg")
    patterns = settings["options.package_data"]["catapult_sim.page"].split(", ")
    folder = root / "catapult_sim" / "page"
    files = {
        one for one in folder.rglob("*") if one.is_file() and one.suffix not in (".py", ".pyc")
    }
    assert files == {one for pattern in patterns for one in folder.glob(pattern)}


def test_the_derivation_of_every_scene_is_on_the_page(page):
    text = "\n".join(document.scripts().values())
    named = set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', "".join(re.findall(r"derivation: .*", text))))
    named |= {"parabola", "closure"}
    assert named == set(re.findall(r'<template id="derivation-([a-z-]+)"', page))
    assert set(rules.STEP_BY_STEP) <= named


def test_derivations_of_the_page_are_those_of_the_command(page):
    steps = derivation_steps("residual-map")
    text = page.split('<template id="derivation-residual-map">')[1].split("</template>")[0]
    assert text.count("<li>") == len(steps) > 5
    for step in steps:
        assert step.what.split("`")[0] in text
