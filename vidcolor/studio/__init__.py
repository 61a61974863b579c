"""The studio: a page in the browser, and the same as an HTTP API (docs/studio.md).

Needs the extra ``vidcolor[studio]``. Nothing of this room is imported by the rest of the program
but by the command ``vidcolor studio``.
"""
