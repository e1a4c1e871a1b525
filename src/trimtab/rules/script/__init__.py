"""Rules about the scripts around a fleet."""
