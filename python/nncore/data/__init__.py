"""Data that need not be arrays in memory."""
