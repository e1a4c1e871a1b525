from fastapi import FastAPI

app = FastAPI()
ITEMS = {"lamp": 30, "chair": 80, "table": 220}


@app.get("/health")
def health() -> dict:
    return {"status": "ok"}


@app.get("/items")
def items() -> dict:
    return ITEMS
