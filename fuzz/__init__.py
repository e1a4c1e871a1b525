"""Fuzzing of everything that reads what somebody else wrote, and of the fix engine."""
