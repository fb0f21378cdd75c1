"""How many runs are done: recipes, tasks on executors, checkpoints, progress.

Below `monte_carlo`, `compare`, `sweep` and `required_concurrency`, which say what is run.
"""
