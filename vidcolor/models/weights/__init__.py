"""Weights files: known downloads, fetch, verify, store, load safely."""
