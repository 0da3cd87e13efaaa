"""How the pages of this folder become a site: sphinx-build -W docs build/docs."""

from docutils.nodes import SkipNode, math, math_block
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "fp"
author = "the fp authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "fp"
html_show_sphinx = False
autodoc_typehints = "none"  # numpydoc says shapes and units too
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
nitpicky = False
exclude_patterns = ["_build"]
html_math_renderer = "mathml"


def _inline(translator: HTML5Translator, node: math) -> None:
    translator.body.append(tex2mathml(node.astext(), as_block=False))
    raise SkipNode


def _block(translator: HTML5Translator, node: math_block) -> None:
    translator.body.append(f"<p>{tex2mathml(node.astext(), as_block=True)}</p>")
    raise SkipNode


def setup(app: Sphinx) -> None:
    """Write equations as MathML: every browser shows it, and no script is asked for."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
