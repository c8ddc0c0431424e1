"""What goes into a Build, and one digest of all of it: the same on every machine and in every checkout."""
