FROM localhost/trimtab/python:3.11-bookworm
RUN apt-get update -qq && apt-get install -y -qq aspell \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/proofreader
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
