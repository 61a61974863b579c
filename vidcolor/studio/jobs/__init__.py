"""The queue of jobs: a database, and processes that run the program."""
