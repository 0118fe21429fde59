"""Tests of the Dagster side: statuses, resume, storage, launching. Data is carried in memory."""
