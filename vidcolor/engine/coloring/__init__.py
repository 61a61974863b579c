"""From frames to frames with colours: batches, spans, smoothing, finishing, joining."""
