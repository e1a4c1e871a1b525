FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/worker
COPY worker.py ./
CMD ["python", "worker.py"]
