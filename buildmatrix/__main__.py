"""`python -m buildmatrix`."""

from buildmatrix.cli.main import run

run()
