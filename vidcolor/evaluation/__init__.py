"""How good the colours are: figures against the truth, for stills."""
