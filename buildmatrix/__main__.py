"""`python -m buildmatrix`."""

from buildmatrix.cli.main import program

program()
