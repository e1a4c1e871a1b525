"""What a person or a program sees. Renders results, decides nothing."""
