"""Lossless documents: what is read can be written back byte for byte."""
