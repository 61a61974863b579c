"""Quick looks at pictures: a process of its own that reads and colours single frames."""
