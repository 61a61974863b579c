"""How good the colours are: figures against the truth, of stills and over time."""
