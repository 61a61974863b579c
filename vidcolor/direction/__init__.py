"""What a person says about the colours of a film or photograph: hints, references, settings."""
