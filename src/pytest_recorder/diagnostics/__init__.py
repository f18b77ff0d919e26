"""What tells people and programs that the recorder went wrong, and keeps that contained."""
