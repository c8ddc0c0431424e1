"""What `apply` asks, shows and leaves."""
