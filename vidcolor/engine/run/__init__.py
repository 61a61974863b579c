"""A run over a film: opening, the pipeline's stages, resuming, names of outputs."""
