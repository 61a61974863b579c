"""The run itself: the loop, and what it shows of its progress."""
