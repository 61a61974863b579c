"""Networks and their weights. Importing this package, or what fetches weights, needs no torch."""
