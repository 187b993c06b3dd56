"""How the documentation is built: python -m sphinx -W docs docs/_build/html

All code is run meanwhile, and what it prints is compared with the pages (_ext/executed.py) or with
lessons/printed.txt (_ext/lessons.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import nncore  # noqa: E402

project = "nncore"
author = copyright = "the authors of nncore"
version = release = nncore.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "docstrings",
    "executed",
    "headers",
    "lessons",
    "live",
    "mathml",
    "measured",
    "proof",
]
exclude_patterns = ["_build", "lessons"]
show_warning_types = True
suppress_warnings = ["ref.python"]  # `Network` is one of nncore's and two of the book's

# ---- text ----------------------------------------------------------------------------------------

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
smartquotes = False
default_role = "py:obj"  # a name in a docstring leads to what it names
highlight_language = "text"
copybutton_selector = "div.highlight-python pre, div.highlight-sh pre, div.highlight-cpp pre"

# ---- API -----------------------------------------------------------------------------------------

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {
    "members": True,
    # What scikit-learn adds to every estimator, with links into its own pages.
    "exclude-members": "set_fit_request, set_partial_fit_request, set_predict_request, "
    "set_score_request, get_metadata_routing",
}
python_maximum_signature_line_length = 76
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False
toc_object_entries_show_parents = "hide"

# ---- gallery -------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": ["lessons"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/lesson_",
    "image_scrapers": ("matplotlib",),
    "reset_modules": ("lessons.reset",),
    "reset_modules_order": "both",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 10_000,
    "write_computation_times": False,
    "show_api_usage": False,
    "abort_on_example_error": True,
    "thumbnail_size": (400, 280),
    "remove_config_comments": True,
    "plot_gallery": True,
}

# ---- look ----------------------------------------------------------------------------------------

html_theme = "furo"
html_title = "nncore"
html_static_path = ["_static"]
html_css_files = ["nncore.css"]
html_favicon = "_static/logo.svg"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "light_logo": "logo.svg",
    "dark_logo": "logo.svg",
    "light_css_variables": {
        "color-brand-primary": "#2a6f97",
        "color-brand-content": "#2a6f97",
        "color-brand-visited": "#5a5f8f",
        "font-stack": "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', sans-serif",
        "font-stack--monospace": "ui-monospace, 'SF Mono', 'DejaVu Sans Mono', monospace",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7fb8d8",
        "color-brand-content": "#7fb8d8",
        "color-brand-visited": "#a9a4d6",
    },
}
pygments_style = "friendly"
pygments_dark_style = "github-dark"
