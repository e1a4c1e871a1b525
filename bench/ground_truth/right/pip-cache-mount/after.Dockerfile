FROM localhost/trimtab/python:3.11-bookworm
WORKDIR /srv/wiki
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -q -r requirements.txt
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
