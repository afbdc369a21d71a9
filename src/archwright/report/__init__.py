"""A run folder in; a page, a table or a figure out. Needs numpy and jinja2 only."""
