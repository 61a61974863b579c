"""Training of the network that repairs pictures: ``vidcolor train`` with ``kind = "repair"``."""
