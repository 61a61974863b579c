"""The library for other programs: open a film, iterate over its frames, colorize arrays."""
