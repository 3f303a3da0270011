"""Run `birdedge` as `python -m birdedge`."""

from birdedge.cli import main

if __name__ == "__main__":
    main()
