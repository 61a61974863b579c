"""The command line. Only it writes to a terminal; nothing else imports it."""
