"""What images say of themselves, in annotations and names: which build they are of, what went in, how old they are."""
