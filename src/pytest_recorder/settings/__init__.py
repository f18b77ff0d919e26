"""What was asked for, and what to do when something fails."""
