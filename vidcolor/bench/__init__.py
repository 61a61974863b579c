"""What ``vidcolor bench`` measures: each stage of the pipeline alone, and all of them together."""
