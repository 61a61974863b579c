"""Training of our own networks: ``vidcolor train config.toml``; plain torch, CPU or CUDA."""
