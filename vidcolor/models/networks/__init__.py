"""The networks themselves: plain torch, one readable file each."""
