"""Numbered images as a film, in and out."""
