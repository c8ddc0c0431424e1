"""What is refused at plan time."""
