"""The sample rates that birdedge accepts, in Hz."""

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 384_000
