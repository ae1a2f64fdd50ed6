"""What strangers and hostile members may try."""
