"""Registries and images by the OCI specifications: references, platforms, and what a registry holds."""
