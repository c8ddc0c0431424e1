"""Plan and apply matrices of container images with Docker Buildx."""

import signal

__version__ = "0.1.0"

DISTRIBUTION = "buildmatrix-bake"
"""What to install; on package indexes `buildmatrix` is another project, whose package has the same name."""

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that ask to end, all in one way. One that is ignored from outside (`nohup`) stays ignored."""
