"""A run of `apply`: all of a plan, what is left of it, or the part of one machine."""
