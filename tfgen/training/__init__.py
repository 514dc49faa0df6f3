"""Training: one compiled loop for every model, checkpoints, schedules, optimizers."""
