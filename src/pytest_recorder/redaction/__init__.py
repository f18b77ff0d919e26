"""Says what is a secret: by names, by the shape of a text, and by texts that were seen."""
