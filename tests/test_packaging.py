"""What is distributed: all files, one version everywhere, and a description that shows anywhere."""

import doctest
import re
import shutil
import subprocess
import sys
import tarfile
from configparser import ConfigParser
from pathlib import Path

import pytest

import catapult_sim

ROOT = Path(__file__).parent.parent


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def repository():
    """The files of the repository, as git or the unpacked distribution has them."""
    if (ROOT / ".git").exists():
        git = ["git", "-C", str(ROOT), "ls-files", "-z"]
        names = subprocess.run(git, capture_output=True, text=True, check=True).stdout
        return {name for name in names.split("\0") if name and (ROOT / name).exists()}
    return {str(Path(line)) for line in text("catapult_sim.egg-info/SOURCES.txt").splitlines()}


BUILD = "from setuptools import build_meta; print(build_meta.build_sdist('dist'))"


def test_the_source_distribution_holds_every_file_of_the_repository(tmp_path):
    pytest.importorskip("setuptools")
    files = {name for name in repository() if not name.startswith("catapult_sim.egg-info")}
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "dist").mkdir()
    build = [sys.executable, "-W", "ignore", "-c", BUILD]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=True)
    with tarfile.open(tmp_path / "dist" / done.stdout.splitlines()[-1]) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert len(files) > 300
    assert files - held == set()


def consistent(version, changelog, citation):
    """Whether a version is a release that both pages date, or one that neither does."""
    said = dict(re.findall(r"^(version|date-released): (\S+)$", citation, flags=re.MULTILINE))
    dated = re.findall(r"^## \[([^]]+)\](?: - (\S+))?$", changelog, flags=re.MULTILINE)
    newest = next(((name, date) for name, date in dated if name != "Unreleased"), (None, None))
    if ".dev" in version:
        told = (version, None)
        right = dated[0][0] == "Unreleased" and newest[0] != version.partition(".dev")[0]
    else:
        told, right = newest, newest[0] == version
    return right and told == (said.get("version"), said.get("date-released"))


def test_version_changelog_and_citation_tell_the_same_story():
    version = catapult_sim.__version__
    assert consistent(version, text("CHANGELOG.md"), text("CITATION.cff"))


@pytest.mark.parametrize(
    ("version", "changelog", "citation", "right"),
    [
        ("0.1.0.dev0", "## [Unreleased]", "version: 0.1.0.dev0", True),
        ("0.1.0", "## [Unreleased]", "version: 0.1.0\ndate-released: 2026-11-21", False),
        ("0.1.0.dev0", "## [Unreleased]", "version: 0.1.0.dev0\ndate-released: 2026-11-21", False),
        ("0.1.0.dev0", "## [Unreleased]\n## [0.1.0] - 2026-12-01", "version: 0.1.0.dev0", False),
        ("0.1.0", "## [0.1.0] - 2026-12-01", "version: 0.1.0\ndate-released: 2026-12-01", True),
        ("0.1.0", "## [0.1.0] - 2026-12-01", "version: 0.1.0\ndate-released: 2026-12-02", False),
        ("0.2.0", "## [0.1.0] - 2026-12-01", "version: 0.2.0\ndate-released: 2026-12-01", False),
    ],
)
def test_other_stories_are_told_apart(version, changelog, citation, right):
    assert consistent(version, changelog, citation) == right


def test_the_index_leads_to_the_papers_that_are_cited():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    links = [one.split(" = ")[1] for one in setup["metadata"]["project_urls"].strip().splitlines()]
    assert links == re.findall(r'^ +url: "(\S+)"$', text("CITATION.cff"), flags=re.MULTILINE)


def test_the_description_on_an_index_needs_no_file_beside_it_and_runs():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    name = setup["metadata"]["long_description"].removeprefix("file: ")
    page = text(name)
    links = re.findall(r"\]\(([^)]*)\)|(?:src|href)=\"([^\"]*)\"", page)
    assert all(one.startswith("https://") for pair in links for one in pair if one)
    found = doctest.testfile(str(ROOT / name), module_relative=False, encoding="utf-8")
    assert (found.attempted > 3, found.failed) == (True, 0)


def test_no_name_on_an_index_is_recommended_that_is_not_ours():
    """Nothing is published: whoever takes the name would run code where it is installed."""
    ours = r"pip3? install[^\n&|;]*[\s'\"]catapult[-_.]?sim\b"
    assert re.search(ours, "pip install --quiet 'catapult_sim[digits]'")
    assert not re.search(ours, "pip install '.[digits]' && .venv/bin/catapult-sim verify")
    read = [name for name in repository() if name.endswith((".py", ".md", ".cfg", ".toml"))]
    pages = {name: text(name) for name in read if name != "tests/test_packaging.py"}
    assert len(pages) > 200
    assert [name for name, page in pages.items() if re.search(ours, page)] == []
