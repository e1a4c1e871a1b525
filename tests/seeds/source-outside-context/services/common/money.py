"""Money, in cents."""

CURRENCY = "EUR"
