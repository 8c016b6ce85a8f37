"""The end points of a generated API on FastAPI alone, run by the project's Python."""
# mypy: ignore-errors
# What it imports is in the project, not here.

import os

import uvicorn
from fastapi import FastAPI
from my_service.api.notes import router
from my_service.notes import MemoryNotes

app = FastAPI()
app.include_router(router)
app.state.notes = MemoryNotes(capacity=1)
port = int(os.environ["APP_PORT"])
uvicorn.run(app, port=port, ws="none", log_config=None, access_log=False, server_header=False)
