"""Pipelines for a fleet: what each run has to do, and the files that make GitHub and GitLab do it."""
