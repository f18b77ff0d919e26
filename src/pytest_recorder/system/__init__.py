"""What is taken from the interpreter and the operating system: files, locks, compiled parts."""
