"""What stands behind `CarClassifier`."""
