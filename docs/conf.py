"""Settings of the documentation site."""

project = "archwright"
author = "archwright contributors"
project_copyright = "archwright contributors"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "archwright"

autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_custom_sections = ["Source", "Differs"]
