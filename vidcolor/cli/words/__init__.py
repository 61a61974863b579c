"""Options, their parsing, help pages, and options in messages."""
