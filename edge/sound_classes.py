"""The classes of sound that a network distinguishes; the first one is the target of the masks."""

BIRD = "bird"
VOICE = "voice"  # human
SOUND_CLASSES = (BIRD, "insect", "frog", "mammal", VOICE, "machine", "weather", "other")
