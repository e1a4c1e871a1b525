"""All reports; each file is one."""
