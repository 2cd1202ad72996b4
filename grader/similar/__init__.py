"""Similar work: which submissions share code that others do not have. Evidence, not a verdict."""
