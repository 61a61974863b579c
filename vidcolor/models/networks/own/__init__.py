"""The networks that vidcolor trains, and how a file's description of one becomes a module."""
