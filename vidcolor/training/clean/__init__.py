"""``vidcolor data clean``: what is bad in a pool of photographs."""
