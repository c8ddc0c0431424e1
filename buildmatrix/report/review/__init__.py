"""What changes between two plans: as text, as JSON, and as markdown for a pull request."""
