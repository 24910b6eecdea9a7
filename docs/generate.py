"""Write the pages of the site that come from the package: derivations, gallery, lessons, report."""

import ast
import hashlib
import json
import shutil
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

from catapult_sim import page
from catapult_sim.symbolic import printed
from catapult_sim.symbolic.step_by_step import FORMS

ROOT = Path(__file__).parent.parent

QUESTIONS = {
    "What happens?": "catapult two_weights phase_map bifurcation final_curvature "
    "quadratic_models basin",
    "Where does it end?": "phase_diagram early_time rare_catapults c_act input_scaling "
    "early_training progressive_sharpening beyond_stability accuracy "
    "decay",
    "What does SGD follow?": "backward_error implicit_regularization where_regularization_ends "
    "rate_over_batch minibatch_variance batch_loss averaging averages_table multi_timescale",
    "What remains of it?": "linear_dynamics_restored sharpest_grid sharpest_steps nudged_sgd "
    "nudged_table",
}

CHAPTERS = {
    "One sample, any width": "sample-map labelled-sample-map infinite-width-map scaled-map "
    "residual-map balanced-map two-factor-map edge-map edge-law invariant-law",
    "Any data": "closure function-space large-error-map",
    "What training follows": "modified-loss modified-field modified-equation",
    "Minibatches": "minibatch-sgd minibatch-heavy-ball minibatch-nesterov minibatch-averaged "
    "variance-sgd variance-heavy-ball variance-nesterov variance-shuffled variance-ema "
    "variance-swa variance-two-point",
}


def write(folder: Path) -> None:
    """Write all of these pages into a folder, and the files that the site serves as they are."""
    shutil.rmtree(folder / "extra", ignore_errors=True)
    for name in ("extra", "gallery", "lessons", "theory"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _theory(folder)
    _gallery(folder)
    _report(folder / "extra")
    _lessons(folder)
    _page(folder)


def _keep(path: Path, text: str) -> None:
    """Write a page, unless it is there: Sphinx reads again only what has changed."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _grouped(groups: dict[str, str], all_of: set[str]) -> dict[str, list[str]]:
    """Return the names of each group; raise ValueError where one is missing or unknown."""
    found = {title: names.split() for title, names in groups.items()}
    listed = [name for names in found.values() for name in names]
    if sorted(listed) != sorted(all_of):
        raise ValueError(f"grouped otherwise than they are: {set(listed) ^ all_of}")
    return found


def _theory(folder: Path) -> None:
    meaning = {name: text for name, text, *_ in printed.listing()}
    groups = _grouped(CHAPTERS, set(meaning))
    for names in groups.values():
        for name in names:
            steps = printed.derivation_steps(name)
            body = f"# {name}\n\n{meaning[name]}. The derivation itself makes every step below.\n\n"
            body += f"```{{raw}} html\n{FORMS['mathml'](steps)}\n```\n\n"
            for kind, words in (("latex", "LaTeX"), ("beamer", "Slides for beamer")):
                body += f":::{{dropdown}} {words}\n```latex\n{FORMS[kind](steps)}\n```\n:::\n\n"
            body += f"```sh\ncatapult-sim derive {name} --steps\n```\n"
            _keep(folder / "theory" / f"{name}.md", body)
    lines = ["# Derivations", "", (ROOT / "docs/theory/derivations.txt").read_text(), ""]
    for title, names in groups.items():
        lines += [f"## {title}", "", "| derivation | what it is |", "|---|---|"]
        lines += [f"| [{name}](theory/{name}.md) | {meaning[name]} |" for name in names]
        lines += ["", "```{toctree}", ":hidden:", "", *(f"theory/{name}" for name in names), "```"]
        lines.append("")
    _keep(folder / "theory.md", "\n".join(lines))


def _gallery(folder: Path) -> None:
    scripts = {path.stem: path for path in (ROOT / "figures").glob("[!_]*.py")}
    lines = ["# Gallery", "", (ROOT / "docs/gallery.txt").read_text(), ""]
    for title, names in _grouped(QUESTIONS, set(scripts)).items():
        lines += [f"## {title}", "", "::::{grid} 1 2 2 3", ":gutter: 2", ""]
        for name in names:
            caption = ast.get_docstring(ast.parse(scripts[name].read_text(encoding="utf-8"))) or ""
            summary, _, rest = caption.partition("\n\n")
            summary = " ".join(summary.split())
            lines += [f":::{{grid-item-card}} {_title(name)}", f":link: gallery/{name}"]
            lines += [":link-type: doc", f":img-top: ../../figures/{name}.png", ""]
            lines += [summary, ":::", ""]
            picture = f"```{{image}} ../../../figures/{name}.png\n:alt: {summary}\n```"
            source = f"```{{literalinclude}} ../../../figures/{name}.py\n:language: python\n```"
            _keep(
                folder / "gallery" / f"{name}.md",
                f"# {_title(name)}\n\n{picture}\n\n{summary}\n\n{rest}\n\n"
                f"```sh\npython figures/{name}.py\n```\n\n"
                f":::{{dropdown}} The script\n{source}\n:::\n",
            )
        lines += ["::::", "", "```{toctree}", ":hidden:", ""]
        lines += [*(f"gallery/{name}" for name in names), "```", ""]
    _keep(folder / "gallery.md", "\n".join(lines))


def _title(name: str) -> str:
    words = {"c_act": "end of convergence"}.get(name, name)
    words = words.replace("_", " ").replace("regularization", "regularisation")
    return words[0].upper() + words[1:]


def _report(folder: Path) -> None:
    """Write the report on the claims whose verdicts are in the repository."""
    from catapult_sim.claims.illustrations import equations_of
    from catapult_sim.report_page import page

    found = json.loads((ROOT / "figures/phase_diagram.json").read_text(encoding="utf-8"))
    about = {
        "version": "0.2.0",
        "effort": "full",
        "seed": 0,
        "data": "8x8 handwritten digits",
        "command": "catapult-sim verify --effort full --claims",
    }
    equations = equations_of(claim["id"] for claim in found["claims"])
    figure = (ROOT / "figures/phase_diagram.png").read_bytes()
    text = page(found, about, equations=equations, figure=figure, gallery="generated/gallery")
    (folder / "report.html").write_text(text, encoding="utf-8")


def _lessons(folder: Path) -> None:
    """Write a page for each lesson as it runs, with its script and its notebook to take away."""
    scripts = sorted((ROOT / "lessons").glob("*.py"))
    for script in scripts:
        notebook = _run(script, folder / "lessons" / f"{script.stem}.ipynb")
        nbformat.write(notebook, folder / "extra" / f"{script.stem}.ipynb")
        shutil.copy(script, folder / "extra" / script.name)
        title, _, rest = notebook.cells[0].source.partition("\n")
        away = " · ".join(
            f'<a href="../../{script.stem}.{kind}" download>{word}</a>'
            for word, kind in (("notebook", "ipynb"), ("script", "py"))
        )
        cells = [title, f"Take it away and run it: {away}", rest, *map(_shown, notebook.cells[1:])]
        _keep(folder / "lessons" / f"{script.stem}.md", "\n\n".join(cells) + "\n")
    lines = ["# Lessons", "", (ROOT / "docs/lessons.txt").read_text(encoding="utf-8")]
    lines += [
        "```{toctree}",
        ":maxdepth: 1",
        "",
        *(f"lessons/{one.stem}" for one in scripts),
        "```",
    ]
    _keep(folder / "lessons.md", "\n".join([*lines, ""]))


def _run(script: Path, kept: Path) -> Any:
    """Return a lesson as a notebook with what it shows, run where it or the package has changed."""
    files = [script, *sorted((ROOT / "catapult_sim").rglob("*.py"))]
    digest = hashlib.blake2b(b"".join(file.read_bytes() for file in files)).hexdigest()
    if kept.exists() and (notebook := nbformat.read(kept, 4)).metadata.get("digest") == digest:
        return notebook
    notebook = jupytext.read(script)
    with TemporaryDirectory() as folder:  # lessons save their figures
        local = {"KernelManager": {"transport": "ipc", "ip": f"{folder}/kernel"}}  # no port is open
        where = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, resources=where, config=Config(local))
        client.execute(stderr=DEVNULL)  # a kernel that ends may complain of sockets it has closed
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "digest": digest}
    for number, cell in enumerate(notebook.cells):
        cell.id, cell.metadata = str(number), {"tags": cell.metadata.get("tags", [])}  # no times
    nbformat.write(notebook, kept)
    return notebook


def _shown(cell: Any) -> str:
    """Return a cell of a notebook as Markdown; a solution is folded."""
    if cell.cell_type == "markdown":
        return str(cell.source)
    lines = [line for line in cell.source.splitlines() if not line.startswith("%")]
    body = "\n".join(["```python", *lines, "```", "", *map(_answer, cell.outputs)])
    return f":::{{dropdown}} Solution\n{body}\n:::" if "solution" in cell.metadata.tags else body


def _answer(output: Any) -> str:
    """Return what a cell printed or showed."""
    if output.output_type == "stream":
        return f"```text\n{output.text}```\n" if output.name == "stdout" else ""
    if "image/png" in output.data:
        return (
            f'<img src="data:image/png;base64,{output.data["image/png"].strip()}" alt="figure">\n'
        )
    if "text/latex" in output.data:
        return f"$${output.data['text/latex'].strip('$')}$$\n"
    if "text/html" in output.data:
        return f"```{{raw}} html\n{output.data['text/html']}\n```\n"
    return f"```text\n{output.data['text/plain']}\n```\n"


def _page(folder: Path) -> None:
    """Write the teaching page beside the site, and the page of the site that leads there."""
    page.write(folder / "extra" / "catapult.html")
    text = (ROOT / "docs/page.txt").read_text(encoding="utf-8")
    frame = '<iframe src="../catapult.html" title="The Catapult" class="catapult"></iframe>'
    _keep(folder / "page.md", f"# The page\n\n{text}\n```{{raw}} html\n{frame}\n```\n")
