FROM localhost/trimtab/python:3.11-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends tcc \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/orders
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
