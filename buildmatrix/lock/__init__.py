"""Which digests the external images of a plan have: pins, the lock file, and BuildKit's source policy."""

FILE = "buildmatrix.lock"
"""The lock file, beside the root file."""
