FROM localhost/trimtab/debian:bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends locales python3 \
 && rm -rf /var/lib/apt/lists/* \
 && localedef -i de_DE -f UTF-8 de_DE.UTF-8
WORKDIR /srv/invoices
COPY server.py ./
EXPOSE 8000
CMD ["python3", "server.py"]
