FROM localhost/trimtab/debian:bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-minimal \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/echo
COPY server.py ./
EXPOSE 8000
CMD ["python3", "server.py"]
