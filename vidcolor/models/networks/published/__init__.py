"""Other people's networks, written to load their published weights: DeOldify, Zhang, DDColor."""
