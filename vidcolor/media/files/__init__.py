"""Files and pipes: open, identify, write atomically, work folder, span files."""
