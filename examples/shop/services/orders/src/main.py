import uuid

from fastapi import FastAPI

app = FastAPI()
ORDERS: dict[str, dict] = {}


@app.get("/health")
def health() -> dict:
    return {"status": "ok", "orders": len(ORDERS)}


@app.post("/orders")
def order(body: dict) -> dict:
    number = str(uuid.uuid4())
    ORDERS[number] = body
    return {"order": number}
