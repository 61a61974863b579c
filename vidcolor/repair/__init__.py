"""Repair of what is damaged in photographs and films, before they are coloured."""
