"""The commands of the recorder, one file each."""
