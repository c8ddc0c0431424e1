"""What to write instead of what the schema refuses; imported only when something is wrong."""
