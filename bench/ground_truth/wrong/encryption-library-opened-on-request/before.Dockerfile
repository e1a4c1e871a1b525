FROM localhost/trimtab/python:3.11-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libsodium23 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/sealer
COPY server.py ./
USER 1000:1000
EXPOSE 8000
CMD ["python", "server.py"]
