"""Figures against the truth: error, colourfulness, false colour, kernel distance, stability."""
