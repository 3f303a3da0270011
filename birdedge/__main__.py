"""`python -m birdedge` is `birdedge`."""

from birdedge.cli import main

if __name__ == "__main__":
    main()
