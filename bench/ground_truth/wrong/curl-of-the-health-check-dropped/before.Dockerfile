FROM localhost/trimtab/python:3.11-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends curl \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/stock
COPY server.py ./
EXPOSE 8000
HEALTHCHECK --interval=1s --timeout=2s --start-period=5s --retries=2 CMD curl -fsS http://127.0.0.1:8000/ready
CMD ["python", "server.py"]
