"""Rules about the inputs themselves: files that are missing or cannot be read."""
