"""Nothing to do yet."""
