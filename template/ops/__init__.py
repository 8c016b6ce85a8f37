"""Deployments: recorded, gated, and undone when they go wrong."""
