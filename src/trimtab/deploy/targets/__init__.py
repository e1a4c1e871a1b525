"""The same project for other orchestrators, and what of it they do not have."""
