"""A server for coding agents: each tool is one of trimtab's own command lines, run as a process of its own."""
