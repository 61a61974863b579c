"""The networks themselves, in plain torch: published ones, our own, and those of repair."""
