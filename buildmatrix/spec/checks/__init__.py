"""What is wrong with a file that is TOML."""
