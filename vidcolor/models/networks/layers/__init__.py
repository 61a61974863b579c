"""What networks are made of: blocks, packed convolutions, folded norms, bins of ab, borders."""
