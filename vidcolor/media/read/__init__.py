"""Films in: probe, demux, decode, time stamps; frames and packets."""
