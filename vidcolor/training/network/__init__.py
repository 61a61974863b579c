"""What a run trains: networks built, filled, frozen, and taught."""
