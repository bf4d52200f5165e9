"""Where work on captures is done: this machine, a Dask cluster, SLURM's machines."""
