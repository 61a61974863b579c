"""Uploads, given folders, and the files that they hold."""
