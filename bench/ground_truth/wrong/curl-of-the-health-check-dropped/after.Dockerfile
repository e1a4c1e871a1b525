FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/stock
COPY server.py ./
EXPOSE 8000
HEALTHCHECK --interval=1s --timeout=2s --start-period=5s --retries=2 CMD curl -fsS http://127.0.0.1:8000/ready
CMD ["python", "server.py"]
