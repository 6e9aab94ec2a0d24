"""``python -m watcher`` is the same door as ``trapline``."""

from watcher.cli import main

if __name__ == "__main__":
    main()
