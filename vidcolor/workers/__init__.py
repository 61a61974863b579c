"""Films and photographs by many workers: processes of this machine, or a cluster's."""
