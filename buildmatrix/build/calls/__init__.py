"""Bake calls: which ones build a plan, their files and processes."""
