"""Films and photos in and out: all that knows libav, Pillow and file formats; no torch."""
