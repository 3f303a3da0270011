"""The classes of sound that a network distinguishes; the first one is the target of the masks."""

BIRD = "bird"
SOUND_CLASSES = (BIRD, "insect", "frog", "mammal", "voice", "machine", "weather", "other")
