"""``python -m workers`` is the command ``customs-watch``."""

from workers.cli import main

if __name__ == "__main__":
    main()
