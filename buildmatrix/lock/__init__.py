"""Which digests the external images of a plan have: pins, the lock file, and BuildKit's source policy."""
