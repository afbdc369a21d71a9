"""Architectures as numbers: fixed encodings, and learned encoders over one dense batch of graphs."""
