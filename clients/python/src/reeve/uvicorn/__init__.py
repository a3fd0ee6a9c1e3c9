"""Runs an ASGI application by uvicorn as a worker of reeve: `python3 -m reeve.uvicorn APP`."""
