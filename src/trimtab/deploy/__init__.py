"""Deploying a project: from what is wanted and what is there to a plan, and carrying it out so that it can be undone."""
