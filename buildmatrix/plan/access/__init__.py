"""What a plan reads, writes and asks for on the machine that builds it."""
