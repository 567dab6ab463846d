"""What stands behind `SiameseVerifier`."""
