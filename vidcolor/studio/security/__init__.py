"""Who may ask for what: hosts, origins, passwords, paths."""
