"""What a run does with its arguments: jobs, overwriting, running, report."""
