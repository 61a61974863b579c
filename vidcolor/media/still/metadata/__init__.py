"""Metadata of photographs: EXIF, PNG text, ISO media boxes, and what is copied of them."""
