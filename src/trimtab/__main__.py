"""`python -m trimtab`."""

from trimtab.cli.app import main

if __name__ == "__main__":
    main()
