"""What a run minimises: losses by name, and the objective that they make."""
