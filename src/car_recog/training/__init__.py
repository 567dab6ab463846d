"""Training: a model, batches and a recipe -> a history."""
