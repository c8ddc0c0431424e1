"""BuildKit's progress as events of targets."""
