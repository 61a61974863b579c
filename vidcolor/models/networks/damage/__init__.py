"""Networks for damage: repair of photographs, dust in films."""
