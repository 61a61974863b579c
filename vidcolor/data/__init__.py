"""Pictures to learn from and to measure by: where they lie, and how they are decoded."""
