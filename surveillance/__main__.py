"""`python -m surveillance` is `longwatch`."""

from surveillance.cli import main

main()
