"""The crew: roles over the stages, and the instructions in plain words that they are given."""
