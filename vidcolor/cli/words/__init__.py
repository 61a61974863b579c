"""Options, their parsing, and help pages."""
