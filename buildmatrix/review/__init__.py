"""What changes between two plans: settings, files, and what depends on them. Nobody is asked but git."""
