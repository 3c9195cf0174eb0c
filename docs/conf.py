"""Builds the documentation; needs no network."""

import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import catalogue  # noqa: E402  # needs the path above
from pytest_defend import __version__  # noqa: E402

project = "pytest-defend"
author = "the pytest-defend authors"
version = release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext", "examples"]
nitpicky = True

html_theme = "furo"
html_title = f"pytest-defend {release}"


class Catalogue(SphinxDirective):
    """Inserts a part of the reference that is read from the code: ``{catalogue} KIND ARGUMENT...``."""

    required_arguments = 1
    optional_arguments = 8

    def run(self) -> list[nodes.Node]:
        kind, *arguments = self.arguments
        markdown = catalogue.KINDS[kind](*arguments)
        return self.parse_text_to_nodes(markdown, allow_section_headings=True)


def setup(app: Sphinx) -> None:
    app.add_directive("catalogue", Catalogue)
