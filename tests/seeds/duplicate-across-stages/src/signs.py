"""Signs by currency code."""

SIGNS = {"EUR": "€"}
