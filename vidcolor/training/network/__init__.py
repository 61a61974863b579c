"""Networks to train: building, starting weights, frozen parts, teachers."""
