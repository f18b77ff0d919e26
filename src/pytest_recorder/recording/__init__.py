"""Recordings: their setup, life and keeping, to a file, from a program, of a whole process."""
