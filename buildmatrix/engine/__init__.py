"""docker and buildx: what is there, what it says of a build, and what a failure means."""
