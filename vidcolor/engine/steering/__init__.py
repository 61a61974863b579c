"""Colours that a person gives, carried to all places and frames where they belong."""
