"""The text of the file: reading, positions, and what is wrong with text that is not TOML."""
