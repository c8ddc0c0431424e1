"""The saved plan."""
