"""Evaluation of repair, on photographs and films with drawn damage."""
