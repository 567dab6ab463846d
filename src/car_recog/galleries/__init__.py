"""What stands behind `Gallery`."""
