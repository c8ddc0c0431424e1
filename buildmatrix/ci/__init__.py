"""The jobs of a CI system: which Builds each of them builds, in which order, and the workflows that run them."""
