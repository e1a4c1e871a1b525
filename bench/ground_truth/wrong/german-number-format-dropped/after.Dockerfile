FROM localhost/trimtab/debian:bookworm
ENV LANG=C.UTF-8
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/invoices
COPY server.py ./
EXPOSE 8000
CMD ["python3", "server.py"]
