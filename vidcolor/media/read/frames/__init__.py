"""From packets to luma frames: decode, filter, index, seek."""
