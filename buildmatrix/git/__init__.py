"""What is known of the repository's commit; git is asked without obeying its configuration."""
