"""Pixel formats: layout, luma, chroma, fields."""
