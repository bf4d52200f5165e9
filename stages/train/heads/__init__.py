"""Heads: what turns identity embeddings into a loss."""
