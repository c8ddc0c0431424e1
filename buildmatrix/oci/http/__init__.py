"""The client that asks registries, and what it needs for that."""
