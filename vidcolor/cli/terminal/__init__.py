"""What appears on the terminal: console, progress, log lines, errors, signals."""
