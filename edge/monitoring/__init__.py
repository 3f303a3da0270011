"""What the database says about a recorder: coverage and status."""
