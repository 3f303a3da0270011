"""Bytes and text of each file format; no file is opened here."""
