"""`python -m archwright` is the command line."""

from archwright.cli.main import main

main()
