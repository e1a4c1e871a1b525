"""Rules about build contexts."""
