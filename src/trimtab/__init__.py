"""trimtab makes fleets of containers smaller, faster and safer, and proves it."""

__version__ = "0.1.0"
