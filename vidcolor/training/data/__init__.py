"""What a step learns from: crops, film-like wear, batches."""
