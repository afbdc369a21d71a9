"""Performance predictors: what an architecture will score, learned from the scores of others."""
