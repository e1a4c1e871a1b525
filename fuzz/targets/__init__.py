"""One harness a file: `check` takes any bytes, and raises when what it calls does what it must not."""
