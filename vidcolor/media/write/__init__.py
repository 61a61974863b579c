"""Films out: encoder, muxer, streams, tags; what containers hold."""
