"""Families of models: how each is recognised, built and drawn, as data."""
