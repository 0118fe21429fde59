"""Moves a Stream Chat app into ChatSDK's PostgreSQL database, inside Dagster."""
