"""What separate machines hand to each other: a record of each Build, what of a plan one builds, and what all have."""
