"""What is looked at before a build, or by whoever wonders why none works: one list of named checks."""
