"""What we add to the Dagster instance: storage, recorder, launcher, home. Not here: assets, jobs and sensors."""
