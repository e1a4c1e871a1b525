"""Rules about the fleet as a whole."""
