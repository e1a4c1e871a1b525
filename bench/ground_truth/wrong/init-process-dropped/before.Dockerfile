FROM localhost/trimtab/python:3.11-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/worker
COPY worker.py ./
ENTRYPOINT ["tini", "--"]
CMD ["python", "worker.py"]
