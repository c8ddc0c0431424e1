"""Builders that the file declares: what buildx keeps of them, what differs, and the commands that make them so."""
