"""The documentation site: ``sphinx-build -W docs site`` builds it, without network.

Furo, a theme that is kept well, reads on a telephone, in light and dark, and asks nothing of other
hosts. Pages are Markdown (MyST), the reference is the docstrings (numpydoc). The pages on
derivations, figures, lessons and the report are written by ``docs/generate.py`` from the package
itself. Figures are not drawn here, as sphinx-gallery would: some take minutes, and their bytes are
in the repository.
"""

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402
from docutils.nodes import SkipNode  # noqa: E402
from latex2mathml.converter import convert  # noqa: E402

import catapult_sim  # noqa: E402

project = "catapult_sim"
author = "The catapult_sim developers"
copyright = author
release = catapult_sim.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["description.md", "_build"]
templates_path = ["_templates"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
autodoc_typehints = "none"
autosummary_generate = True
add_module_names = False
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"catapult_sim {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_extra_path = ["generated/extra"]

HOMES = {}
for name in catapult_sim.__all__:
    one = getattr(catapult_sim, name)
    if hasattr(one, "__qualname__"):
        HOMES[f"{one.__module__}.{one.__qualname__}"] = f"catapult_sim.{name}"


def public_name(app, env, node, contnode):
    """Resolve references to where a thing is defined by the name under which it is documented."""
    target = str(node.get("reftarget", ""))
    for home, name in HOMES.items():
        if target == home or target.startswith(f"{home}."):
            domain, wanted = env.get_domain("py"), name + target[len(home) :]
            where = node.get("refdoc", env.docname)
            found = domain.resolve_any_xref(env, where, app.builder, wanted, node, contnode)
            return found[0][1] if found else None
    return None


def on_the_site(app, docname, source):
    """Turn links to pages of the repository into links to those of the site."""
    source[0] = source[0].replace("](../lessons/README.md)", "](generated/lessons.md)")


def as_mathml(display):
    """Return what writes a formula as MathML, which browsers draw without a script."""

    def visit(translator, node):
        latex = node.astext().replace("{aligned}", "{split}")  # the converter knows but the latter
        translator.body.append(convert(latex, display=display))
        raise SkipNode

    return visit, None


def setup(app):
    """Write the pages that come from the package, and name things by their public names."""
    import_module("catapult_sim.plots")  # its canvas is in place before Sphinx imports pyplot
    generate.write(HERE / "generated")
    app.connect("missing-reference", public_name)
    app.connect("source-read", on_the_site)
    app.add_html_math_renderer("mathml", as_mathml("inline"), as_mathml("block"))
