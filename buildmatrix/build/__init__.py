"""From a Plan to images: the bake file, the seam to docker, running it."""
