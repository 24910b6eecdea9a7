"""The documentation site: it builds without a warning, twice alike, and its links lead on."""

import filecmp
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import catapult_sim

pytest.importorskip("sphinx")
pytest.importorskip("furo")

DOCS = Path(__file__).parent.parent / "docs"
BUILD = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "--quiet"]


def built(folder):
    done = subprocess.run([*BUILD, DOCS, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # warnings are errors
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return built(tmp_path_factory.mktemp("site"))


class Page(HTMLParser):
    """The ids of a page, what it links to, and what it loads."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loaded.append(given["href"])
        if tag in ("script", "img", "iframe") and given.get("src"):
            self.loaded.append(given["src"])


def pages(site):
    return {path: Page(path) for path in sorted(site.rglob("*.html"))}


def test_every_local_link_leads_to_a_page_and_its_place(site):
    found, broken, count = pages(site), [], 0
    for path, page in found.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            count += 1
            whole = there.is_file() and (
                not parts.fragment
                or there not in found
                or "=" in parts.fragment  # the state of the teaching page
                or unquote(parts.fragment) in found[there].ids
            )
            if not whole:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert count > 1000
    assert not broken


def test_nothing_is_loaded_from_another_host(site):
    for path, page in pages(site).items():
        assert [one for one in page.loaded if urlsplit(one).netloc] == [], path
        local = [urlsplit(one).path for one in page.loaded if not one.startswith("data:")]
        assert all((path.parent / unquote(one)).resolve().is_file() for one in local), path


def test_every_public_name_is_in_the_reference(site):
    linked = {link.partition("#")[0] for link in Page(site / "api" / "index.html").links}
    shown = {link.removesuffix(".html").rpartition("catapult_sim.")[2] for link in linked}
    assert set(catapult_sim.__all__) - shown == set()


def test_every_figure_and_derivation_has_a_page(site):
    from catapult_sim.symbolic import derivations

    for name in derivations():
        text = (site / "generated" / "theory" / f"{name}.html").read_text()
        assert "<math" in text
    for script in (DOCS.parent / "figures").glob("[!_]*.py"):
        assert (site / "generated" / "gallery" / f"{script.stem}.html").is_file()


def test_no_formula_shows_a_command_or_a_mark_of_latex(site):
    for path in site.rglob("*.html"):
        found = re.findall(r"<m[ion]>(?:\\\w+|&(?:amp;)?)</m[ion]>", path.read_text("utf-8"))
        assert not found, path


def test_it_is_the_same_whenever_it_is_built(site, tmp_path):
    again = built(tmp_path)
    files = {path.relative_to(site) for path in site.rglob("*") if path.is_file()}
    files = {name for name in files if ".doctrees" not in name.parts}
    assert len(files) > 100
    _, changed, missing = filecmp.cmpfiles(site, again, files, shallow=False)
    assert (changed, missing) == ([], [])
