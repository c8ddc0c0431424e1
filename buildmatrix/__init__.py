"""Plan and apply matrices of container images with Docker Buildx."""

__version__ = "0.1.0"
