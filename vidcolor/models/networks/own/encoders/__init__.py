"""Encoders that a decoder can stand on."""
