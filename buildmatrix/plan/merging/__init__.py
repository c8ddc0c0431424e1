"""Settings: laid over each other, and rendered for cells."""
