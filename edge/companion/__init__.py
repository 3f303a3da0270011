"""What runs next to a recorder, in a process of its own: finds recorders and passes on what they write."""
