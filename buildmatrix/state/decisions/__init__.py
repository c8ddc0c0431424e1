"""What is built and what is kept, and why."""
