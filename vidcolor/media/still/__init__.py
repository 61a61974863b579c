"""Photographs in and out: pixels, depth, profile and metadata."""
