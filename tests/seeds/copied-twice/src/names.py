"""Currencies by code."""

NAMES = {"EUR": "euro", "SEK": "krona"}
